use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ServerOptions, program};
use crate::Certificates;
use crate::process::Process;

/// Everything needed to start a server, and to restart it.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) options: ServerOptions,
    /// The initial content of its configuration file, which the server may rewrite.
    pub(crate) config: Option<String>,
    /// Its TLS certificates, if it uses TLS.
    pub(crate) certificates: Option<Certificates>,
}

impl Setup {
    pub(crate) fn new(options: ServerOptions) -> Self {
        let certificates = options.tls.then(Certificates::new);
        Self { options, config: None, certificates }
    }

    pub(super) fn write_config(&self, dir: &Path) {
        if let Some(config) = &self.config {
            fs::write(dir.join(CONFIG), config).expect("write the configuration of the server");
        }
    }
}

pub(super) fn launch(dir: &Path, port: u16, setup: &Setup) -> Process {
    let options = &setup.options;
    let uses_tls = setup.certificates.is_some() || options.args.iter().any(|arg| arg.starts_with("--tls"));
    let program = program::choose(uses_tls);
    let mut command = Command::new(&program);
    if setup.config.is_some() {
        // The configuration file must be the first argument.
        command.arg(dir.join(CONFIG));
    }
    command
        .args(["--bind", "127.0.0.1", "--save", ""])
        .arg("--dir")
        .arg(dir)
        .arg("--unixsocket")
        .arg(socket(dir));
    let port = port.to_string();
    if let Some(certificates) = &setup.certificates {
        command.args(["--port", "0", "--tls-port", &port]).args([
            "--tls-replication",
            "yes",
            "--tls-cluster",
            "yes",
        ]);
        command.arg("--tls-ca-cert-file").arg(certificates.ca_file());
        command.arg("--tls-cert-file").arg(certificates.server_certificate());
        command.arg("--tls-key-file").arg(certificates.server_key());
        command.args(["--tls-auth-clients", if options.tls_client_certificates { "yes" } else { "no" }]);
    } else {
        command.args(["--port", &port]);
    }
    if options.append_only {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    if let Some(password) = &options.password {
        command.args(["--requirepass", password]);
    }
    command.args(&options.args);
    Process::spawn(command).unwrap_or_else(|error| {
        panic!(
            "cannot run {}: {error}. Install it with `cargo xtask setup`, or set {} to another program",
            program.display(),
            program::VARIABLE
        )
    })
}

pub(super) fn socket(dir: &Path) -> PathBuf {
    dir.join("redis.sock")
}

const CONFIG: &str = "server.conf";
