use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::run::Outcome;

/// How often each suite was run, how long that took, and which of its tests failed how often.
#[derive(Debug, Default)]
pub(super) struct Report {
    suites: BTreeMap<&'static str, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    failed: usize,
    took: Duration,
    tests: BTreeMap<String, usize>,
}

impl Report {
    pub(super) fn add(&mut self, outcome: Outcome) {
        let tally = self.suites.entry(outcome.suite).or_default();
        tally.runs += 1;
        tally.took += outcome.took;
        tally.failed += usize::from(!outcome.failures.is_empty());
        for test in outcome.failures {
            *tally.tests.entry(test).or_default() += 1;
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.suites.values().any(|tally| tally.failed > 0)
    }
}

/// A table in Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| suite | runs | failed | seconds each | tests that failed |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (suite, tally) in &self.suites {
            let seconds = tally.took.as_secs() / tally.runs.max(1) as u64;
            let tests: Vec<_> = tally.tests.iter().map(|(test, times)| format!("`{test}` {times}")).collect();
            let tests = if tests.is_empty() { "none".to_owned() } else { tests.join(", ") };
            writeln!(f, "| {suite} | {} | {} | {seconds} | {tests} |", tally.runs, tally.failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(failures: &[&str]) -> Outcome {
        let failures = failures.iter().map(|&test| test.to_owned()).collect();
        Outcome { suite: "redis", took: Duration::from_secs(10), failures }
    }

    #[test]
    fn failures_are_counted_by_test() {
        let mut report = Report::default();
        report.add(outcome(&[]));
        assert!(!report.failed());
        report.add(outcome(&["a", "b"]));
        report.add(outcome(&["b"]));
        assert!(report.failed());
        assert!(report.to_string().ends_with("\n| redis | 3 | 2 | 10 | `a` 1, `b` 2 |\n"), "{report}");
    }
}
