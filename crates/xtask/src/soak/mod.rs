//! Runs suites again and again, beside busy loops if asked, and counts which tests fail how often.

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

/// Runs the suites that the arguments name, and prints which tests failed how often. A run that does not end is killed,
/// with all processes that it started.
///
/// # Errors
///
/// When any test failed in any run.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let Arguments { runs, busy, target } = Arguments::parse(words)?;
    setup::run()?;
    let loops = busy.then(BusyLoops::start);
    let mut report = Report::default();
    match target {
        Target::Suites(suites) => {
            // So that the figures are of the tests and not of the compiler.
            Step::new("cargo build --package cluster-node").run()?;
            Step::new("cargo test --workspace --all-features --no-run").run()?;
            for suite in suites {
                let step = &suite.step().on_every_failure();
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
        return Err(Failure::Needed(text));
    }
    Ok(())
}

/// Many times as long as the longest of them takes.
const SUITE_LIMIT: Duration = Duration::from_secs(30 * 60);
const CLONE_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
