//! Runs suites again and again, beside busy loops if asked, and counts which tests fail how often.

mod arguments;
mod busy;
mod clone;
mod report;
mod run;

use self::arguments::{Arguments, Target};
use self::busy::BusyLoops;
use self::clone::CleanClone;
use self::report::Report;
use crate::failure::Failure;
use crate::setup;
use crate::step::Step;

/// Runs what the arguments name, and prints which tests failed how often.
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
                for number in 1..=runs {
                    report.add(run::once(suite.name, number, runs, &suite.step().on_every_failure())?);
                }
            }
        }
        Target::CleanClone => {
            for number in 1..=runs {
                let clone = CleanClone::make()?;
                report.add(run::once("clone", number, runs, &clone.test())?);
            }
        }
    }
    drop(loops);
    println!("\n{report}");
    if report.failed() { Err(Failure::Needed("some tests failed in some runs".to_owned())) } else { Ok(()) }
}
