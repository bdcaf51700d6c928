use std::path::Path;

use subjects::Error;

use super::numbers::rounded;
use super::plot::{Bar, bars};
use crate::results::{Memory, Results};

/// The memory of each session.
pub(super) fn section(results: &Results<Vec<Memory>>, folder: &Path) -> Result<String, Error> {
    let mut text = INTRODUCTION.to_owned();
    for row in &results.rows {
        text += &format!("| {} | {} | {} |\n", row.subject, rounded(row.sessions as f64), rounded(each(row)));
    }
    text += "\n![Memory of a cached session](memory.svg)\n";
    let bar =
        |row: &Memory| Bar { label: row.subject.clone(), value: each(row), low: each(row), high: each(row) };
    let shown: Vec<Bar> = results.rows.iter().map(bar).collect();
    bars(&folder.join("memory.svg"), "Resident memory of a cached session, bytes", &shown)?;
    Ok(text)
}

pub(super) fn each(row: &Memory) -> f64 {
    row.bytes_after.saturating_sub(row.bytes_before) as f64 / row.sessions as f64
}

const INTRODUCTION: &str = "
## Memory

How much the resident memory of a process grows for each session that it has in its cache, or in its store in memory. Sessions are
begun by logins.

| Application | sessions | bytes a session |
|---|---|---|
";
