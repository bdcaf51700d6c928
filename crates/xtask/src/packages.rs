use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::step::{Step, WORKSPACE};

/// The names of the packages that can be published, in alphabetical order.
pub(crate) fn published() -> Result<Vec<String>, Failure> {
    let folder = Path::new(WORKSPACE).join("crates");
    let unreadable = |error| Failure::Message(format!("cannot read {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let package = entry.map_err(unreadable)?.path();
        let manifest = fs::read_to_string(package.join("Cargo.toml")).map_err(unreadable)?;
        if !manifest.contains("\npublish = false\n") {
            names.extend(package.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

/// Packs them as for crates.io, but does not build them again.
pub(crate) fn package() -> Result<(), Failure> {
    let packages = as_arguments(&published()?);
    let flags = "--no-verify --allow-dirty --offline --quiet --target-dir target/package";
    Step::new(&format!("cargo package {packages} {flags}")).run()
}

/// `--package a --package b`
pub(crate) fn as_arguments(packages: &[String]) -> String {
    let arguments: Vec<_> = packages.iter().map(|package| format!("--package {package}")).collect();
    arguments.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_and_test_kits_are_not_published() {
        let published = published().unwrap();
        assert!(
            published.contains(&"handstamp".to_owned()) && published.contains(&"handstamp-core".to_owned())
        );
        assert!(
            !published.contains(&"xtask".to_owned()) && !published.contains(&"handstamp-testkit".to_owned())
        );
        assert!(as_arguments(&published).starts_with("--package handstamp --package handstamp-"));
    }
}
