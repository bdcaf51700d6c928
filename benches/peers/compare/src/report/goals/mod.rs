mod elsewhere;
mod redis;
mod requests;

use super::measured::Measured;
use super::numbers::rounded;
use crate::quiet::Quietness;

/// Every goal, and whether it is met. A figure without results is listed as missing.
pub(super) fn section(measured: &Measured) -> String {
    INTRODUCTION.to_owned() + &table(measured)
}

/// The table alone.
pub(super) fn table(measured: &Measured) -> String {
    let mut text = HEAD.to_owned();
    for goal in [requests::goals(measured), redis::goals(measured), elsewhere::goals(measured)].concat() {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            goal.case,
            goal.figure,
            goal.base,
            goal.ratio,
            goal.goal,
            goal.verdict.text().to_owned() + if goal.busy { ", busy machine" } else { "" }
        );
    }
    let pages: Vec<String> =
        measured.pages.iter().map(|(title, file)| format!("[{title}]({file})")).collect();
    if !pages.is_empty() {
        text += &format!("\nMeasured by other programs: {}.\n", pages.join(", "));
    }
    text
}

/// A row.
#[derive(Clone, Debug)]
struct Goal {
    case: String,
    figure: String,
    /// What the figure is compared with.
    base: String,
    ratio: String,
    goal: String,
    verdict: Verdict,
    /// Whether other programs had too much of the CPU for this to be relied on.
    busy: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Met,
    NotMet,
    /// There is no bound.
    Measured,
    Missing,
}

impl Goal {
    fn missing(case: &str, goal: &str) -> Self {
        let nothing = || "-".to_owned();
        Self {
            case: case.to_owned(),
            figure: nothing(),
            base: nothing(),
            ratio: nothing(),
            goal: goal.to_owned(),
            verdict: Verdict::Missing,
            busy: false,
        }
    }

    /// A time or a rate, which depends on how quiet the machine was.
    fn timed(self, quietness: Option<&Quietness>) -> Self {
        let busy = quietness.is_some_and(|quietness| !quietness.is_quiet());
        Self { busy: busy && self.verdict != Verdict::Missing, ..self }
    }
}

/// With its sign.
fn signed(value: f64) -> String {
    if value < 0.0 { rounded(value) } else { format!("+{}", rounded(value)) }
}

impl Verdict {
    const fn of(met: bool) -> Self {
        if met { Self::Met } else { Self::NotMet }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "**not met**",
            Self::Measured => "measured",
            Self::Missing => "missing",
        }
    }
}

const INTRODUCTION: &str = "
## Goals

A row for each goal: the figure of handstamp, what it is compared with in the same run, and their ratio. *Added* is the difference to the bare router in the same round. Values are
medians; the spread is in the sections below. `missing` means that nothing has measured it.

";

const HEAD: &str = "\
| Case | handstamp | compared with | ratio | goal | |
|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_results_every_goal_is_missing() {
        let nothing = Measured {
            in_process: None,
            hot_session: None,
            http: None,
            in_flight: None,
            round_trips: None,
            invalidations: None,
            memory: None,
            growth: None,
            pages: Vec::new(),
        };
        let text = section(&nothing);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(rows.len() > 20, "{text}");
        for row in rows {
            assert!(row.ends_with("| missing |"), "{row}");
        }
    }
}
