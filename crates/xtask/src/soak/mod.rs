//! Runs suites repeatedly, and counts how often each test fails.

mod arguments;
mod busy;
mod clone;
mod group;
mod reader;
mod report;
mod run;

use std::time::Duration;

use self::arguments::{Arguments, Target};
use self::busy::BusyLoops;
use self::clone::CleanClone;
use self::report::Report;
use self::run::Run;
use crate::failure::Failure;
use crate::setup;
use crate::step::Step;

/// Runs the suites that the arguments name, and prints how often each test failed. A run that does not end is killed with
/// all processes that it started.
///
/// # Errors
///
/// At least one test failed in at least one run.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let Arguments { runs, busy, target } = Arguments::parse(words)?;
    setup::run()?;
    let loops = busy.then(BusyLoops::start);
    let mut report = Report::default();
    match target {
        Target::Suites(suites) => {
            // Built first, so that the times are those of the tests.
            Step::new("cargo build --package cluster-node").run()?;
            Step::new("cargo test --workspace --all-features --no-run").run()?;
            for suite in suites {
                let step = &suite.step().without_fail_fast();
                for number in 1..=runs {
                    report.add(Run { suite: suite.name, number, runs, step, limit: SUITE_LIMIT }.run()?);
                }
            }
        }
        Target::CleanClone => {
            for number in 1..=runs {
                let clone = CleanClone::make()?;
                let step = &clone.test();
                report.add(Run { suite: "clone", number, runs, step, limit: CLONE_LIMIT }.run()?);
            }
        }
    }
    drop(loops);
    println!("\n{report}");
    if report.failed() {
        let text = format!("some runs failed: their logs are in {}", run::FOLDER);
        return Err(Failure::Message(text));
    }
    Ok(())
}

/// Much longer than the longest suite takes.
const SUITE_LIMIT: Duration = Duration::from_secs(30 * 60);
const CLONE_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
