use std::time::Instant;

use crate::checks::{checks, optional_checks};
use crate::failure::Failure;
use crate::instructions;
use crate::packages;
use crate::setup;
use crate::step::Step;
use crate::suite::SUITES;
use crate::took::Took;

/// Runs all checks and all tests, and stops at the first that fails.
#[expect(clippy::disallowed_methods, reason = "measures real time")]
pub(crate) fn test() -> Result<(), Failure> {
    let started = Instant::now();
    setup::run()?;
    for step in checks() {
        step.run()?;
    }
    packages::package()?;
    for suite in SUITES {
        suite.step().run()?;
    }
    instructions::run(&[])?;
    optional_checks()?;
    println!("\nxtask: all checks and all tests passed, in {}.", Took(started.elapsed()));
    Ok(())
}

/// Writes the listings of the public API, which the suite `api` compares with the code.
pub(crate) fn api() -> Result<(), Failure> {
    Step::new("cargo test --package xtask --test api").with_variable("HANDSTAMP_WRITE_API", "1").run()
}

/// Runs all benchmarks, and then the comparison with other session layers; or the comparison alone, in full or with fewer rounds.
pub(crate) fn bench(arguments: &[&str]) -> Result<(), Failure> {
    let (alone, quick) = match arguments {
        [] => (false, false),
        ["--comparison"] => (true, false),
        ["--quick"] => (true, true),
        _ => {
            return Err(Failure::Message(format!(
                "`bench` takes `--comparison`, `--quick` or nothing, not `{}`",
                arguments.join(" ")
            )));
        }
    };
    setup::run()?;
    if !alone {
        BENCHMARKS.iter().try_for_each(|(package, name)| {
            Step::new(&format!("cargo bench --package {package} --bench {name}")).run()
        })?;
    }
    comparison(quick).iter().try_for_each(Step::run)
}

/// The comparison is a workspace of its own: its programs are not among our dependencies, and `test` does not build them.
fn comparison(quick: bool) -> [Step; 2] {
    let manifest = "--release --locked --manifest-path benches/peers/Cargo.toml";
    let arguments = if quick { "all --quick" } else { "all" };
    [
        // It starts a second program of its workspace.
        Step::new(&format!("cargo build {manifest}")),
        Step::new(&format!("cargo run {manifest} --bin compare -- {arguments}")),
    ]
}

/// Runs the history checker, with arguments of its own.
pub(crate) fn torture(arguments: &[&str]) -> Result<(), Failure> {
    setup::run()?;
    tool("torture", arguments).run()
}

/// Measures what faults of Redis cost, with arguments of the report.
pub(crate) fn failover(arguments: &[&str]) -> Result<(), Failure> {
    setup::run()?;
    tool("failover", arguments).run()
}

/// Measures what a stall of Redis costs a fleet of nodes, with arguments of the simulation.
pub(crate) fn stalls(arguments: &[&str]) -> Result<(), Failure> {
    setup::run()?;
    tool("stalls", arguments).run()
}

/// A program of the package of tests. An unoptimized build would dominate its figures.
fn tool(name: &str, arguments: &[&str]) -> Step {
    let arguments = arguments.join(" ");
    Step::new(&format!("cargo run --release --package handstamp-tests --bin {name} -- {arguments}"))
}

/// By package, with the arguments of the command. Each measures its base line in the same run.
const BENCHMARKS: [(&str, &str); 12] = [
    ("handstamp", "cached_read"),
    ("handstamp", "allocations"),
    ("handstamp", "memory"),
    ("handstamp", "read_back"),
    ("handstamp-core", "seal"),
    ("handstamp", "requests"),
    ("handstamp-redis", "saves"),
    ("handstamp-redis", "throughput"),
    ("handstamp-redis", "transports"),
    ("handstamp-redis", "drivers --features redis-rs"),
    ("handstamp-redis", "invalidation --features redis-rs"),
    ("handstamp", "contention"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_gets_its_arguments() {
        let step = tool("torture", &["--minutes", "20"]).to_string();
        assert_eq!(step, "cargo run --release --package handstamp-tests --bin torture -- --minutes 20");
    }

    #[test]
    fn only_the_comparison_has_a_quick_form() {
        let [_, full] = comparison(false).map(|step| step.to_string());
        assert!(full.ends_with(" -- all"), "{full}");
        let [build, run] = comparison(true).map(|step| step.to_string());
        assert!(build.contains(" --locked "), "{build}");
        assert!(run.ends_with(" --bin compare -- all --quick"), "{run}");
        assert!(bench(&["--fast"]).unwrap_err().to_string().contains("`--quick`"));
    }
}
