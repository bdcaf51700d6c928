use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program `cluster-node`, built with the profile of the calling test.
///
/// # Panics
///
/// When it does not build.
#[must_use]
pub fn reference_node() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--package", "cluster-node", "--all-features"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        // Cargo sets these variables for this process. Every change of them would rebuild `ring` and everything that depends on it.
        let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in variables.filter(|name| PACKAGE_VARIABLES.iter().any(|prefix| name.starts_with(prefix))) {
            cargo.env_remove(name);
        }
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo can be run");
        assert!(built.success(), "cluster-node does not build");
        // target/<profile>/deps/e2e-...
        let this = std::env::current_exe().expect("the path of this test");
        this.ancestors().nth(2).expect("the directory of the profile").join("cluster-node")
    })
}

/// The prefixes of the variables that cargo sets for the package of a program that it runs.
const PACKAGE_VARIABLES: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];
