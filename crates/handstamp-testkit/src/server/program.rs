use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::sync::OnceLock;

/// The server program. Some cannot speak TLS, since they were built to be carried along.
pub(super) fn choose(tls: bool) -> OsString {
    let chosen = std::env::var_os(VARIABLE).unwrap_or_else(|| OsString::from(OF_THE_SYSTEM));
    if tls && !*KNOWS_TLS.get_or_init(|| knows_tls(&chosen)) { OF_THE_SYSTEM.into() } else { chosen }
}

/// It never starts, for want of a certificate. But what it complains of tells.
fn knows_tls(program: &OsStr) -> bool {
    let nothing =
        ["--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"].map(|name| [name, "/nonexistent"]);
    let output =
        Command::new(program).args(["--port", "0", "--tls-port", "1"]).args(nothing.as_flattened()).output();
    // That it cannot be run is told in another place.
    output.is_ok_and(|output| !String::from_utf8_lossy(&output.stdout).contains(WITHOUT_TLS))
}

static KNOWS_TLS: OnceLock<bool> = OnceLock::new();

pub(super) const VARIABLE: &str = "HANDSTAMP_TEST_SERVER";
const OF_THE_SYSTEM: &str = "redis-server";
const WITHOUT_TLS: &str = "Failed finding TLS support";
