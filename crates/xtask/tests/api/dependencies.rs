use std::collections::BTreeSet;

/// Checks that a listing names no dependency but those that may be part of the public API: a new major version of any of
/// them is one of ours, too.
pub(crate) fn check(name: &str, listing: &str) {
    let named: BTreeSet<_> = listing.lines().flat_map(crates).collect();
    for dependency in named {
        let allowed = ALLOWED.contains(&&*dependency) || dependency.starts_with("handstamp");
        assert!(allowed, "the public API of {name} names {dependency}");
    }
}

/// The first parts of the paths in a line.
fn crates(line: &str) -> Vec<String> {
    let paths = line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':');
    let heads = paths.filter_map(|path| path.split_once("::")).map(|(head, _)| head);
    // `Self`, and parameters such as `T` in `T::Error`.
    heads.filter(|head| head.chars().next().is_some_and(char::is_lowercase)).map(str::to_owned).collect()
}

const ALLOWED: [&str; 11] = [
    "alloc",
    "axum",
    "axum_core",
    "bytes",
    "core",
    "http",
    "serde_core",
    "std",
    "tokio",
    "tower_layer",
    "tower_service",
];
