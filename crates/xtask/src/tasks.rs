use std::time::Instant;

use crate::failure::Failure;
use crate::setup;
use crate::step::Step;
use crate::suite::SUITES;
use crate::took::Took;

/// Everything that must hold before a change is taken in.
#[expect(clippy::disallowed_methods, reason = "how long a run of the tests takes is told by a real clock")]
pub(crate) fn test() -> Result<(), Failure> {
    let started = Instant::now();
    setup::run()?;
    for step in checks() {
        step.run()?;
    }
    for suite in SUITES {
        suite.step().run()?;
    }
    deny()?;
    println!("\nxtask: every check and every test passed, in {}.", Took(started.elapsed()));
    Ok(())
}

/// What a request costs beside bare Axum, loads and saves beside the same commands by themselves, one busy session beside
/// many, and one way to carry invalidations beside the other.
/// Base line and figure always come from the same run.
pub(crate) fn bench() -> Result<(), Failure> {
    setup::run()?;
    Step::new("cargo bench --package handstamp --bench cached_read").run()?;
    Step::new("cargo bench --package handstamp --bench allocations").run()?;
    Step::new("cargo bench --package handstamp --bench memory").run()?;
    Step::new("cargo bench --package handstamp --bench read_back").run()?;
    Step::new("cargo bench --package handstamp-core --bench seal").run()?;
    Step::new("cargo bench --package handstamp --bench requests").run()?;
    Step::new("cargo bench --package handstamp-redis --bench saves").run()?;
    Step::new("cargo bench --package handstamp-redis --bench throughput").run()?;
    Step::new("cargo bench --package handstamp-redis --bench transports").run()?;
    Step::new("cargo bench --package handstamp --bench contention").run()
}

/// Many sessions on three nodes, while everything around them fails: is every promise kept? `wishes` are arguments
/// of the history checker.
pub(crate) fn torture(wishes: &[&str]) -> Result<(), Failure> {
    setup::run()?;
    history_checker("--release", wishes).run()
}

/// What a fault of Redis costs the sessions that it hits, and all others. `wishes` are arguments of the report.
pub(crate) fn failover(wishes: &[&str]) -> Result<(), Failure> {
    setup::run()?;
    failover_report(wishes).run()
}

/// What a stall of Redis costs a fleet of nodes. `wishes` are arguments of the simulation.
pub(crate) fn stalls(wishes: &[&str]) -> Result<(), Failure> {
    setup::run()?;
    let wishes = wishes.join(" ");
    Step::new(&format!("cargo run --release --package handstamp-tests --bin stalls -- {wishes}")).run()
}

/// Unoptimized, it would tell of itself.
fn failover_report(wishes: &[&str]) -> Step {
    let wishes = wishes.join(" ");
    Step::new(&format!("cargo run --release --package handstamp-tests --bin failover -- {wishes}"))
}

fn history_checker(profile: &str, wishes: &[&str]) -> Step {
    let wishes = wishes.join(" ");
    Step::new(&format!("cargo run {profile} --package handstamp-tests --bin torture -- {wishes}"))
}

/// Quick ones first, so that a slip is told soon.
fn checks() -> Vec<Step> {
    vec![
        Step::new("cargo fmt --all --check"),
        Step::new("cargo clippy --workspace --all-targets --all-features -- -D warnings"),
        // Without Redis: nobody should need it for the embedded store.
        Step::new("cargo clippy --package handstamp --no-default-features -- -D warnings"),
        Step::new("cargo doc --workspace --no-deps --all-features")
            .with_variable("RUSTDOCFLAGS", "-D warnings"),
        // The end-to-end tests start this program.
        Step::new("cargo build --package cluster-node"),
        // Other locks and atomics, so another build of the quiet room.
        Step::new(
            "cargo test --release --package handstamp-core --test interleavings --target-dir target/loom",
        )
        .with_variable("RUSTFLAGS", "--cfg loom"),
    ]
}

/// What the dependencies may be. Only who has cargo-deny runs it here; for all others it is run in public.
fn deny() -> Result<(), Failure> {
    if !Step::new("cargo deny --version").succeeds() {
        println!(
            "\nxtask: cargo-deny is not installed, so the dependencies were not checked against deny.toml."
        );
        return Ok(());
    }
    Step::new("cargo deny --all-features check bans licenses sources").run()?;
    if !Step::new("cargo deny fetch db").succeeds() {
        println!("\nxtask: the advisory database cannot be reached, so the advisories were not checked.");
        return Ok(());
    }
    Step::new("cargo deny --all-features check --disable-fetch advisories").run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_checker_is_told_what_is_wished_for() {
        let step = history_checker("--release", &["--minutes", "20"]).to_string();
        assert_eq!(step, "cargo run --release --package handstamp-tests --bin torture -- --minutes 20");
    }

    #[test]
    fn the_failover_report_is_told_what_is_wished_for() {
        let step = failover_report(&["--faults", "kill"]).to_string();
        assert_eq!(step, "cargo run --release --package handstamp-tests --bin failover -- --faults kill");
    }

    #[test]
    fn warnings_are_errors_wherever_there_can_be_some() {
        for step in checks() {
            let step = step.to_string();
            if step.contains("clippy") || step.contains("cargo doc") {
                assert!(step.contains("-D warnings"), "{step}");
            }
        }
    }
}
