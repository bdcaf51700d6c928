use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::sync::OnceLock;

/// The server program. Programs that were built without TLS are replaced where it is needed.
pub(super) fn choose(tls: bool) -> OsString {
    let chosen = std::env::var_os(VARIABLE).unwrap_or_else(|| OsString::from(OF_THE_SYSTEM));
    if tls && !*SUPPORTS_TLS.get_or_init(|| supports_tls(&chosen)) { OF_THE_SYSTEM.into() } else { chosen }
}

/// The program never starts, because the certificates do not exist; but its error shows whether it was built with TLS.
fn supports_tls(program: &OsStr) -> bool {
    let nothing =
        ["--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"].map(|name| [name, "/nonexistent"]);
    let output =
        Command::new(program).args(["--port", "0", "--tls-port", "1"]).args(nothing.as_flattened()).output();
    // A program that cannot be run is reported when the server is launched.
    output.is_ok_and(|output| !String::from_utf8_lossy(&output.stdout).contains(WITHOUT_TLS))
}

static SUPPORTS_TLS: OnceLock<bool> = OnceLock::new();

pub(super) const VARIABLE: &str = "HANDSTAMP_TEST_SERVER";
const OF_THE_SYSTEM: &str = "redis-server";
const WITHOUT_TLS: &str = "Failed finding TLS support";
