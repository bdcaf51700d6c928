use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The search path of this program and of all that it starts: `PATH`, and then the usual folders of servers, which the
/// `PATH` of an ordinary user may leave out.
pub(crate) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for folder in SERVER_FOLDERS.map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    // Joining fails only for a folder whose name contains the separator; a part of `PATH` never does.
    env::join_paths(folders).unwrap_or(path)
}

/// Whether the program is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    env::split_paths(&search_path()).any(|folder| is_executable(&folder.join(program)))
}

#[cfg(unix)]
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file()
}

const SERVER_FOLDERS: [&str; 5] =
    ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_servers_are_searched() {
        let folders: Vec<_> = env::split_paths(&search_path()).collect();
        assert!(folders.contains(&PathBuf::from("/usr/sbin")));
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program"));
    }
}
