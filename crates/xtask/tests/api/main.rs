//! The public API of the published crates is listed in `docs/api`, and names only the dependencies that it may name.

#![cfg(unix)]
#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "these are tests, and their helpers are part of them"
)]

mod dependencies;
mod listing;

use std::fs;
use std::path::{Path, PathBuf};

use self::listing::listings;

/// Set by `cargo xtask api`.
const WRITE: &str = "HANDSTAMP_WRITE_API";

#[test]
fn the_public_api_is_the_one_that_is_listed() {
    let writes = std::env::var_os(WRITE).is_some();
    let listings = match listings() {
        Ok(listings) => listings,
        Err(reason) if writes => panic!("the listings were not written: {reason}"),
        Err(reason) => {
            eprintln!("the public API was not compared: {reason}");
            return;
        }
    };
    for (name, listing) in &listings {
        let file = page(name);
        if writes {
            fs::write(&file, listing).unwrap();
        } else {
            let listed = fs::read_to_string(&file).unwrap_or_default();
            assert!(listed == *listing, "{}", difference(name, &listed, listing));
        }
    }
    for (name, listing) in &listings {
        dependencies::check(name, listing);
    }
}

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api").join(format!("{name}.txt"))
}

/// The lines that are in one of the two only.
fn difference(name: &str, listed: &str, found: &str) -> String {
    let mut text =
        format!("the public API of {name} has changed; if that is intended, run `cargo xtask api`:\n");
    for line in listed.lines().filter(|line| !found.lines().any(|other| other == *line)) {
        text += &format!("- {line}\n");
    }
    for line in found.lines().filter(|line| !listed.lines().any(|other| other == *line)) {
        text += &format!("+ {line}\n");
    }
    text
}
