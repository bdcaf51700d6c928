mod http;
mod in_process;
mod machine;
mod memory;
mod numbers;
mod plot;

use std::fs;
use std::path::Path;

use subjects::Error;

use crate::results::Results;

/// Writes the report and its plots from the results in this folder.
pub(crate) fn write(folder: &Path) -> Result<(), Error> {
    let mut report = INTRODUCTION.to_owned();
    if let Some(results) = Results::read(folder, "in-process")? {
        report += &in_process::section(&results, folder)?;
        report += &machine::section(&results);
    }
    if let Some(results) = Results::read(folder, "http")? {
        report += &http::section(&results, folder)?;
        report += &machine::section(&results);
    }
    if let Some(results) = Results::read(folder, "memory")? {
        report += &memory::section(&results, folder)?;
        report += &machine::section(&results);
    }
    Ok(fs::write(folder.join("report.md"), report)?)
}

const INTRODUCTION: &str = "\
# handstamp beside other session layers

Written by `cargo xtask bench`; do not edit. [README.md](README.md) explains how the figures were measured, and what they do not
show. Each session holds a user id, a name and a count. Quote ratios within a table: absolute values depend on the machine.
";
