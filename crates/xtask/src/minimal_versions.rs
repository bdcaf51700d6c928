use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::packages;
use crate::step::{Step, WORKSPACE};

/// Checks that the published packages build with the lowest versions that their manifests allow.
///
/// The lock file of a copy of the workspace names those of direct dependencies; of indirect ones, the newest.
pub(crate) fn run() -> Result<(), Failure> {
    let copy = Path::new(WORKSPACE).join(FOLDER);
    copy_workspace(&copy)?;
    // Only this command of cargo is unstable. Build scripts would see the variable in the next one, too.
    Step::new("cargo update --quiet -Z direct-minimal-versions")
        .in_folder(&copy)
        .with_variable("RUSTC_BOOTSTRAP", "1")
        .run()?;
    let packages = packages::as_arguments(&packages::published()?);
    Step::new(&format!("cargo check --locked --all-features {packages} --target-dir ../target"))
        .in_folder(&copy)
        .run()
}

/// Copies the files that git knows or would add.
fn copy_workspace(copy: &Path) -> Result<(), Failure> {
    let _ = fs::remove_dir_all(copy);
    let files = Step::new("git ls-files --cached --others --exclude-standard").output()?;
    for file in files.lines() {
        let (from, to) = (Path::new(WORKSPACE).join(file), copy.join(file));
        // A file that was deleted and not committed is still in the list.
        if from.is_file() {
            let parent = to.parent().unwrap_or(copy);
            fs::create_dir_all(parent)
                .and_then(|()| fs::copy(&from, &to).map(drop))
                .map_err(|error| Failure::Message(format!("cannot copy {file}: {error}")))?;
        }
    }
    Ok(())
}

const FOLDER: &str = "target/minimal-versions/workspace";
