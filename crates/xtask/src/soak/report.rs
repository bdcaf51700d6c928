use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::run::Outcome;
use crate::took::Took;

/// The number of runs of each suite, their times, and how often each test failed.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// In the order of their first runs.
    suites: Vec<(&'static str, Tally)>,
}

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    failed: usize,
    times: Vec<Duration>,
    failures: BTreeMap<String, usize>,
}

impl Report {
    pub(super) fn add(&mut self, outcome: Outcome) {
        let tally = self.tally_of(outcome.suite);
        tally.runs += 1;
        tally.times.push(outcome.took);
        tally.failed += usize::from(!outcome.failures.is_empty());
        for failure in outcome.failures {
            *tally.failures.entry(failure).or_default() += 1;
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.suites.iter().any(|(_, tally)| tally.failed > 0)
    }

    fn tally_of(&mut self, suite: &'static str) -> &mut Tally {
        let position = self.suites.iter().position(|(name, _)| *name == suite).unwrap_or_else(|| {
            self.suites.push((suite, Tally::default()));
            self.suites.len() - 1
        });
        &mut self.suites[position].1
    }
}

/// A table in Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| suite | runs | failed | shortest | longest | failures |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (suite, tally) in &self.suites {
            let Tally { runs, failed, times, failures } = tally;
            let [shortest, longest] =
                [times.iter().min(), times.iter().max()].map(|time| Took(time.copied().unwrap_or_default()));
            let failures: Vec<_> =
                failures.iter().map(|(failure, times)| format!("`{failure}` {times}")).collect();
            let failures = if failures.is_empty() { "none".to_owned() } else { failures.join(", ") };
            writeln!(f, "| {suite} | {runs} | {failed} | {shortest} | {longest} | {failures} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(suite: &'static str, seconds: u64, failures: &[&str]) -> Outcome {
        let failures = failures.iter().map(|&failure| failure.to_owned()).collect();
        Outcome { suite, took: Duration::from_secs(seconds), failures }
    }

    #[test]
    fn failures_are_counted_by_name() {
        let mut report = Report::default();
        report.add(outcome("redis", 10, &[]));
        assert!(!report.failed());
        report.add(outcome("redis", 70, &["a", "b"]));
        report.add(outcome("redis", 30, &["b"]));
        report.add(outcome("e2e", 5, &[]));
        assert!(report.failed());
        let expected = "\n| redis | 3 | 2 | 0 min 10 s | 1 min 10 s | `a` 1, `b` 2 |\n\
                        | e2e | 1 | 0 | 0 min 5 s | 0 min 5 s | none |\n";
        assert!(report.to_string().ends_with(expected), "{report}");
    }
}
