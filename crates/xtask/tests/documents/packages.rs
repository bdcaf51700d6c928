use std::fs;

use crate::pages::{read, root};

/// What crates.io and docs.rs show, and what the licences demand.
#[test]
fn every_package_that_can_be_published_has_its_documents() {
    let mut published = 0;
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let folder = format!("crates/{}", entry.unwrap().file_name().to_str().unwrap());
        let manifest = read(&format!("{folder}/Cargo.toml"));
        if manifest.contains("publish = false") {
            continue;
        }
        published += 1;
        for field in
            ["description = ", "license.workspace", "keywords", "readme = ", "[package.metadata.docs.rs]"]
        {
            assert!(manifest.contains(field), "{folder}/Cargo.toml has no `{field}`");
        }
        assert!(read(&format!("{folder}/README.md")).contains("Licensed under"), "{folder}");
        // Links, which `cargo package` replaces by the files.
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            assert_eq!(read(&format!("{folder}/{licence}")), read(licence), "{folder}");
        }
    }
    assert!(published >= 4);
}

#[test]
fn other_session_layers_are_in_the_lock_file_of_the_comparison_only() {
    let layers = ["actix-session", "axum_session", "tower-sessions"];
    let names = |lock_file: &str, layer: &str| read(lock_file).contains(&format!("\nname = \"{layer}\"\n"));
    for layer in layers {
        assert!(!names("Cargo.lock", layer), "Cargo.lock contains {layer}");
        assert!(
            names("benches/peers/Cargo.lock", layer),
            "benches/peers/Cargo.lock does not contain {layer}"
        );
    }
}

/// `cargo xtask bench` and CI build it with `--locked`.
#[test]
fn the_lock_file_of_the_comparison_has_all_dependencies() {
    let lock_file = read("benches/peers/Cargo.lock");
    for package in
        ["handstamp-core", "handstamp-redis", "handstamp-redis-client", "handstamp-store", "handstamp"]
    {
        let manifest = read(&format!("crates/{package}/Cargo.toml"));
        let dependencies = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
        let locked = lock_file.split(&format!("\nname = \"{package}\"\n")).nth(1).unwrap();
        let locked = locked.split("[[package]]").next().unwrap();
        for line in dependencies.lines().filter(|line| line.contains('=') && !line.starts_with('#')) {
            let name = line.split(['.', ' ']).next().unwrap();
            // A version follows where there are several.
            let is_locked =
                locked.contains(&format!(" \"{name}\"")) || locked.contains(&format!(" \"{name} "));
            assert!(
                is_locked,
                "{package} depends on {name}: run `cargo update --workspace --manifest-path benches/peers/Cargo.toml`"
            );
        }
    }
}

#[test]
fn the_minimum_supported_rust_is_the_same_everywhere() {
    let manifest = read("Cargo.toml");
    let version = manifest.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    for (file, text) in [
        ("README.md", format!("Rust {version} or later")),
        ("crates/handstamp/README.md", format!("Rust {version} or later")),
        (".github/workflows/ci.yml", format!("rustup toolchain install {version} ")),
    ] {
        assert!(read(file).contains(&text), "{file} does not say: {text}");
    }
}
