use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::group::Group;
use super::reader::Reader;
use crate::failure::Failure;
use crate::step::{Step, WORKSPACE};
use crate::took::Took;

/// One run of a suite, and its time limit.
#[derive(Debug)]
pub(super) struct Run<'r> {
    pub(super) suite: &'static str,
    pub(super) number: usize,
    pub(super) runs: usize,
    pub(super) step: &'r Step,
    pub(super) limit: Duration,
}

/// The result of one run of a suite.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) suite: &'static str,
    pub(super) took: Duration,
    /// The names of the tests that failed. Other failures are described in brackets.
    pub(super) failures: Vec<String>,
}

impl Run<'_> {
    /// Runs the suite once. Its output goes to `target/soak`.
    #[expect(clippy::disallowed_methods, reason = "measures real time")]
    pub(super) fn run(&self) -> Result<Outcome, Failure> {
        let started = Instant::now();
        let failures = self
            .failures(started + self.limit)
            .map_err(|error| Failure::NotStarted { command: self.step.to_string(), error })?;
        let outcome = Outcome { suite: self.suite, took: started.elapsed(), failures };
        let Self { suite, number, runs, .. } = self;
        println!("soak: {suite} {number} of {runs}: {}, {}", Took(outcome.took), outcome.verdict());
        Ok(outcome)
    }

    #[expect(clippy::disallowed_methods, reason = "the standard library has no wait with a time limit")]
    fn failures(&self, deadline: Instant) -> io::Result<Vec<String>> {
        let folder = Path::new(WORKSPACE).join(FOLDER);
        fs::create_dir_all(&folder)?;
        let log = File::create(folder.join(format!("{}-{}.log", self.suite, self.number)))?;
        let shared = Arc::new(Mutex::new((log, Reader::default())));
        let mut group = Group::start(self.step.command())?;
        let stdout = group.leader().stdout.take().map(|pipe| copy(pipe, &shared));
        let stderr = group.leader().stderr.take().map(|pipe| copy(pipe, &shared));
        while group.leader().try_wait()?.is_none() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
        let ended = group.leader().try_wait()?;
        // The pipes end with the last process of the group.
        group.end()?;
        for copied in [stdout, stderr].into_iter().flatten() {
            let _ = copied.join();
        }
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = std::mem::take(&mut shared.1);
        Ok(match ended {
            Some(status) => reader.failures_at(status),
            None => reader.failures_without_end(),
        })
    }
}

impl Outcome {
    fn verdict(&self) -> String {
        if self.failures.is_empty() { "ok".to_owned() } else { self.failures.join(", ") }
    }
}

/// Copies a pipe to the log and to the reader.
fn copy(pipe: impl io::Read + Send + 'static, shared: &Arc<Mutex<(File, Reader)>>) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        // The output of a test may be no text.
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(shared.0, "{line}");
            shared.1.read(&line);
        }
    })
}

pub(super) const FOLDER: &str = "target/soak";
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(limit: Duration, command: &str) -> Vec<String> {
        let step = Step::new(command);
        // Each test has a log file of its own.
        let number = usize::from(limit.is_zero());
        let run = Run { suite: "self-test", number, runs: 1, step: &step, limit };
        run.run().unwrap().failures
    }

    #[test]
    fn a_run_that_ends_is_judged_by_its_status() {
        let minute = Duration::from_secs(60);
        assert!(failures(minute, "true").is_empty());
        assert_eq!(failures(minute, "false"), ["(exit status: 1)"]);
    }

    #[test]
    fn a_run_that_does_not_end_is_killed() {
        assert_eq!(failures(Duration::ZERO, "sleep 600"), ["(did not end)"]);
    }
}
