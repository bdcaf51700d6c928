use std::collections::BTreeSet;

/// Collects failures from the output of a test run.
#[derive(Debug, Default)]
pub(super) struct Reader {
    failed_tests: BTreeSet<String>,
    /// Other failures, described in brackets.
    other_failures: BTreeSet<String>,
    /// Tests that have been running for more than a minute.
    slow_tests: BTreeSet<String>,
}

impl Reader {
    pub(super) fn read(&mut self, line: &str) {
        if let Some((name, verdict)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            let name = name.trim_end_matches(" - should panic");
            self.slow_tests.remove(name);
            if verdict == "FAILED" {
                self.failed_tests.insert(name.to_owned());
            }
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" has been running for over 60 seconds"))
        {
            self.slow_tests.insert(name.to_owned());
        } else if let Some(failure) = other_failure(line) {
            self.other_failures.insert(failure);
        }
    }

    /// The failures of a run that ended with this status.
    pub(super) fn failures_at(self, status: std::process::ExitStatus) -> Vec<String> {
        if status.success() {
            return Vec::new();
        }
        // A panic in a test is reported under its name. The death of a process affects all of its tests.
        let died = |failure: &String| failure.contains(DIED);
        let is_named = !self.failed_tests.is_empty();
        let mut failures: Vec<_> = self.failed_tests.into_iter().collect();
        failures.extend(self.other_failures.into_iter().filter(|failure| !is_named || died(failure)));
        if failures.is_empty() {
            failures.push(format!("({status})"));
        }
        failures
    }

    /// The failures of a run that was killed because it did not end.
    pub(super) fn failures_without_end(self) -> Vec<String> {
        let slow = self.slow_tests.into_iter().map(|test| format!("{test} (did not end)"));
        let failures: Vec<_> = slow.chain(self.failed_tests).collect();
        if failures.is_empty() { vec!["(did not end)".to_owned()] } else { failures }
    }
}

/// The failure that a line reports, other than that of a test.
fn other_failure(line: &str) -> Option<String> {
    if let Some(violations) = line.strip_prefix("Violations: ").filter(|count| *count != "0") {
        return Some(format!("(violations: {violations})"));
    }
    if line.starts_with("Not healthy ") {
        return Some("(unhealthy nodes)".to_owned());
    }
    if line.starts_with("thread 'main' ") {
        let (_, place) = line.split_once(" panicked at ")?;
        return Some(format!("(panic at {})", place.trim_end_matches(':')));
    }
    // Cargo reports a process that died of a signal. One that exits with a status has reported the cause itself.
    let (_, ended) = line.split_once("process didn't exit successfully: `")?;
    let (command, status) = ended.rsplit_once("` (signal: ")?;
    let program = command.split_whitespace().next()?.rsplit('/').next()?;
    // Without the hash of its build.
    let program = program.rsplit_once('-').map_or(program, |(name, _)| name);
    Some(format!("({program} {DIED} {})", status.trim_end_matches(')')))
}

const DIED: &str = "died of signal";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Reader {
        let mut reader = Reader::default();
        lines.iter().for_each(|line| reader.read(line));
        reader
    }

    #[cfg(unix)]
    fn failures(code: i32, lines: &[&str]) -> Vec<String> {
        read(lines).failures_at(std::os::unix::process::ExitStatusExt::from_raw(code << 8))
    }

    #[cfg(unix)]
    #[test]
    fn failed_tests_are_named() {
        let lines = [
            "test cluster::grows ... FAILED",
            "test cluster::shrinks - should panic ... FAILED",
            "test cluster::stays ... ok",
            "test src/lib.rs - Config (line 7) ... FAILED",
            "thread 'main' (7) panicked at src/lib.rs:1:2:",
            "test result: FAILED. 1 passed; 3 failed",
        ];
        let expected = ["cluster::grows", "cluster::shrinks", "src/lib.rs - Config (line 7)"];
        assert_eq!(failures(101, &lines), expected);
        assert!(failures(0, &lines).is_empty(), "tests of the reader print such lines, too");
    }

    #[cfg(unix)]
    #[test]
    fn other_failures_are_described() {
        for (line, expected) in [
            ("error: could not compile", "(exit status: 101)"),
            ("Violations: 3", "(violations: 3)"),
            ("Violations: 0", "(exit status: 101)"),
            ("Not healthy 60s after the last fault: nodes [1]", "(unhealthy nodes)"),
            ("thread 'main' (15541) panicked at src/slots.rs:101:39:", "(panic at src/slots.rs:101:39)"),
            (
                "  process didn't exit successfully: `/x/deps/e2e-1adf1d31a8ffceea --quiet` (signal: 6, SIGABRT: process abort signal)",
                "(e2e died of signal 6, SIGABRT: process abort signal)",
            ),
        ] {
            assert_eq!(failures(101, &[line]), [expected], "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_death_of_a_process_is_reported_beside_failed_tests() {
        let died = "process didn't exit successfully: `/x/deps/e2e-1a` (signal: 9, SIGKILL: kill)";
        let expected = ["a", "(e2e died of signal 9, SIGKILL: kill)"];
        assert_eq!(failures(101, &["test a ... FAILED", died]), expected);
    }

    /// The reader looks for these beginnings in the output of the history checker.
    #[test]
    fn the_history_checker_prints_what_is_looked_for() {
        let main = include_str!("../../../../tests/torture/main.rs");
        let report = include_str!("../../../../tests/torture/report/mod.rs");
        assert!(main.contains("\"Not healthy ") && report.contains("Violations: {}"));
    }

    #[test]
    fn a_run_that_does_not_end_reports_its_slow_tests() {
        let slow = |test| format!("test {test} has been running for over 60 seconds");
        let lines = [&*slow("a"), &*slow("b::c"), "test a ... ok", "test d ... FAILED"];
        assert_eq!(read(&lines).failures_without_end(), ["b::c (did not end)", "d"]);
        assert_eq!(read(&[]).failures_without_end(), ["(did not end)"]);
    }
}
