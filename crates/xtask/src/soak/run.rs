use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::step::{Step, WORKSPACE};

/// What one run of a suite came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) suite: &'static str,
    pub(super) took: Duration,
    /// The names of the tests that failed. A run that failed without naming a test has the status of its command.
    pub(super) failures: Vec<String>,
}

/// Runs a suite once. What it prints goes to `target/soak`.
#[expect(clippy::disallowed_methods, reason = "how long a run of the tests takes is told by a real clock")]
pub(super) fn once(suite: &'static str, number: usize, runs: usize, step: &Step) -> Result<Outcome, Failure> {
    let path = Path::new(WORKSPACE).join(FOLDER).join(format!("{suite}-{number}.log"));
    let not_started = |error| Failure::NotStarted { command: step.to_string(), error };
    let log = create(&path).map_err(not_started)?;
    let started = Instant::now();
    let mut child = step
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_started)?;
    let mut failures = read(&mut child, log);
    let status = child.wait().map_err(not_started)?;
    if !status.success() && failures.is_empty() {
        failures.push(format!("(no test by name: {status})"));
    }
    let outcome = Outcome { suite, took: started.elapsed(), failures };
    let verdict = if outcome.failures.is_empty() { "ok".to_owned() } else { outcome.failures.join(", ") };
    println!("soak: {suite} {number}/{runs}: {} s, {verdict}", outcome.took.as_secs());
    Ok(outcome)
}

fn create(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    File::create(path)
}

/// Writes what the process prints to the log until its end, and picks out the tests that failed.
fn read(child: &mut Child, log: File) -> Vec<String> {
    let log = Mutex::new(log);
    let failures = Mutex::new(Vec::new());
    let copy = |stream: &mut dyn io::Read| {
        // A test may print what is no text.
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if let Ok(mut log) = log.lock() {
                let _ = writeln!(log, "{line}");
            }
            if let Some(test) = failed_test(&line)
                && let Ok(mut failures) = failures.lock()
            {
                failures.push(test.to_owned());
            }
        }
    };
    thread::scope(|scope| {
        if let Some(mut stderr) = child.stderr.take() {
            scope.spawn(move || copy(&mut stderr));
        }
        if let Some(mut stdout) = child.stdout.take() {
            copy(&mut stdout);
        }
    });
    failures.into_inner().unwrap_or_default()
}

/// The name in a line such as `test cluster::grows ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?
        .strip_suffix(" ... FAILED")
        .map(|name| name.trim_end_matches(" - should panic"))
}

const FOLDER: &str = "target/soak";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_recognized() {
        assert_eq!(failed_test("test cluster::grows ... FAILED"), Some("cluster::grows"));
        assert_eq!(failed_test("test cluster::grows - should panic ... FAILED"), Some("cluster::grows"));
        assert_eq!(failed_test("test cluster::grows ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 1 passed; 1 failed"), None);
    }
}
