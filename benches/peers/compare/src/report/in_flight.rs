use super::hot_session::ratios;
use super::numbers::{decimal, rounded};
use crate::in_flight::BARE_FRED;
use crate::results::{InFlight, Results};
use crate::statistics::{median, quantile};

/// Loads and saves that are in flight together.
pub(super) fn section(results: &Results<Vec<InFlight>>) -> String {
    let mut text = INTRODUCTION.to_owned();
    for row in &results.rows {
        let ratios = ratio_to_bare(&results.rows, row);
        text += &format!(
            "| {} | {} | {} | {} | {} ({} to {}) | {} | {} | {} |\n",
            row.in_flight,
            row.operation,
            row.subject,
            rounded(median(&row.per_second)),
            decimal(median(&ratios)),
            decimal(quantile(&ratios, 0.25)),
            decimal(quantile(&ratios, 0.75)),
            decimal(median(&row.cpu_microseconds)),
            rounded(median(&row.p50_microseconds)),
            rounded(median(&row.p99_microseconds)),
        );
    }
    text
}

/// The rate as a ratio to that of bare fred in the same round.
pub(super) fn ratio_to_bare(rows: &[InFlight], row: &InFlight) -> Vec<f64> {
    let bare = rows.iter().find(|bare| {
        bare.operation == row.operation && bare.in_flight == row.in_flight && bare.subject == BARE_FRED
    });
    bare.map(|bare| ratios(&row.per_second, &bare.per_second)).unwrap_or_default()
}

const INTRODUCTION: &str = "
## Loads and saves in flight

Loads and saves through the store, and the same commands by a fred client without handstamp, with one task for each command. Each client is one
thread on a core of its own. Records are sealed beforehand. Ratios are those to bare fred with the same commands in the same round, with the middle half in brackets.

| In flight | | Client | a second | ratio to bare fred | client CPU, \u{b5}s each | p50, \u{b5}s | p99, \u{b5}s |
|---|---|---|---|---|---|---|---|
";
