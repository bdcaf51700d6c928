//! What the documents say is there, is there.

#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_first_program_in_the_readme_is_the_quickstart() {
    let readme = read("README.md");
    let program = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let quickstart = read("examples/quickstart/src/main.rs");
    let after_the_title = quickstart.split_once("\n\n").unwrap().1;
    assert_eq!(program, after_the_title);
}

/// F6: with the same secret and Redis, the two examples read each other's sessions, as data of another type.
#[test]
fn k9_f6_the_quickstart_has_a_namespace_of_its_own() {
    assert!(read("examples/quickstart/src/main.rs").contains(r#".namespace_or("quickstart")"#));
    assert!(!read("examples/cluster-node/src/nodes.rs").contains("namespace"), "it has the default");
}

/// As links name them.
fn headings(document: &str) -> impl Iterator<Item = String> {
    let anchor = |title: &str| -> String {
        let kept = title.trim().chars().filter(|letter| letter.is_alphanumeric() || " -".contains(*letter));
        kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    let titles: Vec<String> = read(document)
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|title| anchor(title.trim_start_matches('#')))
        .collect();
    titles.into_iter()
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = read(document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { document } else { file };
            assert!(root().join(file).exists(), "{document} links to {target}");
            assert!(
                heading.is_empty() || headings(file).any(|one| one == heading),
                "{document} links to {target}"
            );
        }
    }
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let text = read("ARCHITECTURE.md");
    // Files of the code: `layer/service.rs`, or with a crate, `core: cache/feed.rs`.
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<&str> = named.filter(|name| name.ends_with(".rs") || name.contains(": ")).collect();
    let crates: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in &named {
        let (of_crate, file) = name.split_once(": ").unwrap_or(("", name));
        let in_crate = |path: &&PathBuf| path.to_string_lossy().ends_with(of_crate);
        let exists = crates.iter().filter(in_crate).any(|path| path.join("src").join(file).exists());
        assert!(exists, "ARCHITECTURE.md names {name}");
    }
    assert!(named.len() > 10);
}

#[test]
fn the_readme_names_the_settings_and_defaults_that_the_library_documents() {
    let rows = |text: &str, margin: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(margin));
        lines.filter(|line| line.starts_with("| `") && line.contains('_')).map(str::to_owned).collect()
    };
    let documented = rows(&read("crates/handstamp/src/config/mod.rs"), "/// ");
    let readme = rows(&read("README.md"), "");
    for row in &documented {
        let name = row.split('|').nth(1).unwrap();
        let default = row.rsplit('|').nth(1).unwrap();
        let named = readme
            .iter()
            .any(|line| line.contains(name) && line.contains(default.split(';').next().unwrap()));
        assert!(named, "the README does not say {row}");
    }
    assert!(documented.len() > 10);
}
