use super::numbers::{decimal, rounded};
use crate::results::{HotSession, Results};
use crate::statistics::{median, quantile};

/// Reads of one session by two threads.
pub(super) fn section(results: &Results<Vec<HotSession>>) -> String {
    let mut text = INTRODUCTION.to_owned();
    for row in &results.rows {
        let ratios = ratios(&row.two_threads, &row.one_thread);
        text += &format!(
            "| {} | {} | {} | {} | {} ({} to {}) |\n",
            row.subject,
            rounded(median(&row.one_thread)),
            rounded(median(&row.two_threads)),
            rounded(median(&row.two_sessions)),
            decimal(median(&ratios)),
            decimal(quantile(&ratios, 0.25)),
            decimal(quantile(&ratios, 0.75)),
        );
    }
    text
}

/// Of the values of the same round.
pub(super) fn ratios(values: &[f64], base: &[f64]) -> Vec<f64> {
    values.iter().zip(base).map(|(value, base)| value / base).collect()
}

const INTRODUCTION: &str = "
## One hot session

Nanoseconds a read on each thread, through the whole router, with the layer around it: one thread alone, two threads on both cores that read
the same session, and two that read a session each. The bare router shows how much two cores slow each other down without any session. Ratios are those of the
same round, with the middle half in brackets.

| Application | one thread | two, same session | two, a session each | same session / one thread |
|---|---|---|---|---|
";
