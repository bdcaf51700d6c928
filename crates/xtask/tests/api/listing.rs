use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The items of each crate, one a line.
///
/// # Errors
///
/// With another Rust than the one whose format of rustdoc is known: the names of items would be the same, but not the text.
pub(crate) fn listings() -> Result<Vec<(String, String)>, String> {
    let version = Command::new("rustc").arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if !version.starts_with(&format!("rustc {RUST}.")) {
        return Err(format!(
            "this takes Rust {RUST}, as with `rustup run {RUST} cargo xtask api`, not {version}"
        ));
    }
    // The folder in which this test was built, so that dependencies are not built again.
    let target = Path::new(env!("CARGO_BIN_EXE_xtask")).parent().unwrap().parent().unwrap();
    write_json(target);
    Ok(published().into_iter().map(|name| (name.clone(), listing(target, &name))).collect())
}

/// The packages that can be published.
fn published() -> Vec<String> {
    let packages = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
    let packages = packages.map(|entry| entry.unwrap().path());
    let published = packages.filter(|package| {
        !fs::read_to_string(package.join("Cargo.toml")).unwrap().contains("\npublish = false\n")
    });
    let mut names: Vec<_> =
        published.map(|package| package.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn write_json(target: &Path) {
    let mut command = Command::new(env!("CARGO"));
    // With the features of the whole workspace, as in all other builds.
    command
        .args(["doc", "--workspace", "--lib", "--no-deps", "--all-features", "--quiet", "--target-dir"])
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .env("RUSTDOC", concat!(env!("CARGO_MANIFEST_DIR"), "/rustdoc-unstable.sh"))
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    // Cargo sets these for this test. Their change would rebuild `ring` and all that depends on it.
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        command.env_remove(name);
    }
    assert!(command.status().unwrap().success());
}

fn listing(target: &Path, name: &str) -> String {
    let json = target.join("doc").join(format!("{}.json", name.replace('-', "_")));
    let items = |omit_derived| {
        let api = public_api::Builder::from_rustdoc_json(&json)
            .omit_auto_derived_impls(omit_derived)
            .omit_auto_trait_impls(true)
            .omit_blanket_impls(true)
            .build()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        api.items().map(|item| format!("{item}\n")).collect::<Vec<_>>()
    };
    // Of derived implementations, the traits suffice.
    let written: BTreeSet<_> = items(true).into_iter().collect();
    let items = items(false).into_iter().filter(|item| item.starts_with("impl") || written.contains(item));
    // The condition for `Unpin` that the macro of pin-project-lite writes is an internal detail.
    items.filter(|item: &String| !item.contains("pin_project_lite::__private")).collect()
}

const RUST: &str = "1.95";
