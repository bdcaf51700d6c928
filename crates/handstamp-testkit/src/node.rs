use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::PATIENCE;
use crate::port::{PORT_IS_TAKEN, PORTS_TO_TRY, ReservedPort};
use crate::process::Process;

/// A process that serves HTTP on the port given in the variable `PORT`.
#[derive(Debug)]
pub struct NodeProcess {
    process: Process,
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
    port: ReservedPort,
}

impl NodeProcess {
    /// Starts a program with only these variables, `PORT`, `PATH` and, where it has settings of Redis, the driver of this process
    /// (`REDIS_DRIVER`), and waits until `/health/live` returns 200.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`]. The message contains the output of the program.
    pub async fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        program: impl AsRef<Path>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let program = program.as_ref();
        match Self::try_start(program, variables).await {
            Ok(node) => node,
            Err((status, output)) => panic!("{} ended with {status}:\n{output}", program.display()),
        }
    }

    /// Like [`start`](Self::start), for a program that may end by itself.
    ///
    /// # Errors
    ///
    /// When it has ended by itself: its exit status and its output.
    ///
    /// # Panics
    ///
    /// When it neither serves nor ends within [`PATIENCE`].
    pub async fn try_start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        program: impl AsRef<Path>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, (ExitStatus, String)> {
        let program = program.as_ref().to_owned();
        let variables =
            variables.into_iter().map(|(name, value)| (name.as_ref().into(), value.as_ref().into()));
        let variables: Vec<_> = variables.collect();
        for _ in 0..PORTS_TO_TRY {
            let port = ReservedPort::any();
            let process = launch(&program, &variables, port.number());
            let mut node = Self { process, program: program.clone(), variables: variables.clone(), port };
            match node.until_live().await {
                Err((_, output)) if output.contains(PORT_IS_TAKEN) => {}
                served => return served.map(|()| node),
            }
        }
        panic!("every port that was tried for {} is in use", program.display())
    }

    /// Restarts the program with the same variables and port. A running process is killed first; earlier output is discarded.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn restart(&mut self) {
        self.kill();
        self.process = launch(&self.program, &self.variables, self.port());
        if let Err((status, output)) = self.until_live().await {
            panic!("{} ended with {status}:\n{output}", self.program.display());
        }
    }

    /// Waits until it is live. If it ends before, returns its exit status and its output.
    async fn until_live(&mut self) -> Result<(), (ExitStatus, String)> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_live().await {
            if let Some(status) = self.process.ended(Duration::ZERO).await {
                return Err((status, self.output()));
            }
            assert!(
                Instant::now() < deadline,
                "{} was not live within {PATIENCE:?}:\n{}",
                self.program.display(),
                self.output()
            );
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its URL, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Kills it (`SIGKILL`).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends `SIGTERM`, and waits for its exit status.
    ///
    /// # Panics
    ///
    /// When it has not ended within `limit`. The message contains its output.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.process.terminate();
        self.end(limit).await
    }

    /// Sends `SIGINT`, as Ctrl-C does, and waits for its exit status.
    ///
    /// # Panics
    ///
    /// When it has not ended within `limit`. The message contains its output.
    pub async fn interrupt(&mut self, limit: Duration) -> ExitStatus {
        self.process.interrupt();
        self.end(limit).await
    }

    async fn end(&mut self, limit: Duration) -> ExitStatus {
        match self.process.ended(limit).await {
            Some(status) => status,
            None => panic!("the node did not end within {limit:?}:\n{}", self.output()),
        }
    }

    /// Suspends it (`SIGSTOP`).
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Resumes it (`SIGCONT`).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Its standard output and standard error so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    async fn is_live(&self) -> bool {
        let response = timeout(REQUEST_LIMIT, status_line(self.port())).await;
        response.is_ok_and(|line| line.is_ok_and(|line| line.contains(" 200 ")))
    }
}

fn launch(program: &Path, variables: &[(OsString, OsString)], port: u16) -> Process {
    let mut command = Command::new(program);
    command.env_clear();
    let has_redis = variables.iter().any(|(name, _)| name.to_string_lossy().starts_with("REDIS_"));
    let inherited = ["PATH", "REDIS_DRIVER"].into_iter().filter(|name| *name == "PATH" || has_redis);
    command.envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(variables.iter().map(|(name, value)| (name, value))).env("PORT", port.to_string());
    Process::spawn(command).unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()))
}

/// The status line of the response to `GET /health/live`.
async fn status_line(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    let response = String::from_utf8_lossy(&response);
    Ok(response.lines().next().unwrap_or_default().to_owned())
}

/// After this time, the request is repeated.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
