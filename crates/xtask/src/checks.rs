use crate::failure::Failure;
use crate::packages;
use crate::step::Step;

/// Checks without tests, quick ones first.
pub(crate) fn checks() -> Vec<Step> {
    vec![
        Step::new("cargo fmt --all --check"),
        Step::new("cargo clippy --workspace --all-targets --all-features -- -D warnings"),
        // `redis` alone would build all of its dependencies once more; CI checks each feature alone.
        Step::new("cargo clippy --package handstamp --no-default-features -- -D warnings"),
        Step::new("cargo clippy --package handstamp --no-default-features --features axum -- -D warnings"),
        Step::new("cargo clippy --package handstamp --no-default-features --features testing -- -D warnings"),
        Step::new("cargo test --package handstamp --no-default-features --lib"),
        Step::new("cargo doc --workspace --no-deps --all-features")
            .with_variable("RUSTDOCFLAGS", "-D warnings"),
        // The end-to-end tests start this program.
        Step::new("cargo build --package cluster-node"),
        // Loom replaces locks and atomics, so these tests need a build of their own.
        Step::new(
            "cargo test --release --package handstamp-core --test interleavings --target-dir target/loom",
        )
        .with_variable("RUSTFLAGS", "--cfg loom"),
    ]
}

/// Checks by tools that are not installed everywhere.
pub(crate) fn optional_checks() -> Result<(), Failure> {
    deny()?;
    semver_checks()
}

/// Compares the dependencies with `deny.toml`.
fn deny() -> Result<(), Failure> {
    if !Step::new("cargo deny --version").succeeds() {
        println!(
            "\nxtask: cargo-deny is not installed, so the dependencies were not compared with deny.toml."
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

/// Compares the public API with that of the last release, which is the last tag of the form `v1.2.3`.
fn semver_checks() -> Result<(), Failure> {
    if !Step::new("git describe --tags --abbrev=0 --match v*").succeeds() {
        println!("\nxtask: there is no release yet to compare the public API with.");
        return Ok(());
    }
    if !Step::new("cargo semver-checks --version").succeeds() {
        println!(
            "\nxtask: cargo-semver-checks is not installed, so the public API was not compared with the last release."
        );
        return Ok(());
    }
    let tag = Step::new("git describe --tags --abbrev=0 --match v*").output()?;
    let packages = packages::as_arguments(&packages::published()?);
    Step::new(&format!("cargo semver-checks {packages} --all-features --baseline-rev {}", tag.trim())).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_errors() {
        for step in checks() {
            let step = step.to_string();
            if step.contains("clippy") || step.contains("cargo doc") {
                assert!(step.contains("-D warnings"), "{step}");
            }
        }
    }
}
