use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::step::{Step, WORKSPACE};

/// A clone of the last commit with nothing built. Its folder is removed when this is dropped.
#[derive(Debug)]
pub(super) struct CleanClone(PathBuf);

impl CleanClone {
    pub(super) fn make() -> Result<Self, Failure> {
        let folder = Path::new(WORKSPACE).join(FOLDER);
        let _ = fs::remove_dir_all(&folder);
        Step::new(&format!("git clone --quiet . {FOLDER}")).run()?;
        Ok(Self(folder))
    }

    /// The test command of the README, in the clone.
    pub(super) fn test(&self) -> Step {
        // A shared target directory would contain builds.
        Step::new("cargo xtask test").in_folder(&self.0).without_variable("CARGO_TARGET_DIR")
    }
}

impl Drop for CleanClone {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const FOLDER: &str = "target/soak/clone";
