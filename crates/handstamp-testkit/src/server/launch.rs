use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerOptions;
use crate::process::Process;

/// What a server is started with, each time anew.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) options: ServerOptions,
    /// What its file of settings says at first. The server may rewrite it.
    pub(crate) config: Option<String>,
}

impl Setup {
    pub(crate) const fn new(options: ServerOptions) -> Self {
        Self { options, config: None }
    }

    pub(super) fn write_config(&self, dir: &Path) {
        if let Some(config) = &self.config {
            fs::write(dir.join(CONFIG), config).expect("write the settings of the server");
        }
    }
}

pub(super) fn launch(dir: &Path, port: u16, setup: &Setup) -> Process {
    let program = std::env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| OsString::from("redis-server"));
    let options = &setup.options;
    let mut command = Command::new(&program);
    if setup.config.is_some() {
        // It must come first.
        command.arg(dir.join(CONFIG));
    }
    command
        .args(["--bind", "127.0.0.1", "--save", ""])
        .args(["--port", &port.to_string()])
        .arg("--dir")
        .arg(dir)
        .arg("--unixsocket")
        .arg(socket(dir));
    if options.append_only {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    if let Some(password) = &options.password {
        command.args(["--requirepass", password]);
    }
    command.args(&options.args);
    Process::spawn(command).unwrap_or_else(|error| {
        panic!(
            "cannot run {}: {error}. Install it with `cargo xtask setup`, or name another program in \
             {PROGRAM_VARIABLE}",
            program.display()
        )
    })
}

pub(super) fn socket(dir: &Path) -> PathBuf {
    dir.join("redis.sock")
}

const PROGRAM_VARIABLE: &str = "HANDSTAMP_TEST_SERVER";
const CONFIG: &str = "server.conf";
