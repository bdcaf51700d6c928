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

/// A program that serves HTTP on the port that the variable `PORT` says, as a process of its own.
#[derive(Debug)]
pub struct NodeProcess {
    process: Process,
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
    port: ReservedPort,
}

impl NodeProcess {
    /// Starts a program with these variables, `PORT` and `PATH`, and none else, and waits until `/health/live` answers
    /// 200.
    ///
    /// # Panics
    ///
    /// When it does not within [`PATIENCE`]. The message has the output of the program.
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

    /// As [`start`](Self::start), for a program that may end by itself.
    ///
    /// # Errors
    ///
    /// When it ended by itself: how, and what it wrote.
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
            match node.serves().await {
                Err((_, output)) if output.contains(PORT_IS_TAKEN) => {}
                served => return served.map(|()| node),
            }
        }
        panic!("{} found every port taken", program.display())
    }

    /// Starts the program anew, with the same variables and on the same port; one that still runs is killed first.
    /// What it wrote before is forgotten.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn restart(&mut self) {
        self.kill();
        self.process = launch(&self.program, &self.variables, self.port());
        if let Err((status, output)) = self.serves().await {
            panic!("{} ended with {status}:\n{output}", self.program.display());
        }
    }

    /// Waits until it serves. If it ends before: how, and what it wrote.
    async fn serves(&mut self) -> Result<(), (ExitStatus, String)> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_live().await {
            if let Some(status) = self.process.ended(Duration::ZERO).await {
                return Err((status, self.output()));
            }
            assert!(
                Instant::now() < deadline,
                "{} did not serve within {PATIENCE:?}:\n{}",
                self.program.display(),
                self.output()
            );
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// The port that it serves on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it serves, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Ends it at once, as a crash would (`SIGKILL`).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to end (`SIGTERM`), and returns how it did.
    ///
    /// # Panics
    ///
    /// When it has not ended within `limit`, with what it wrote.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.process.terminate();
        self.end(limit).await
    }

    /// Asks it to end as Ctrl-C does (`SIGINT`), and returns how it did.
    ///
    /// # Panics
    ///
    /// When it has not ended within `limit`, with what it wrote.
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

    /// Makes it stand still (`SIGSTOP`).
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on (`SIGCONT`).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// What it wrote so far, to standard output and standard error.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    async fn is_live(&self) -> bool {
        let answer = timeout(REQUEST_LIMIT, status_line(self.port())).await;
        answer.is_ok_and(|line| line.is_ok_and(|line| line.contains(" 200 ")))
    }
}

fn launch(program: &Path, variables: &[(OsString, OsString)], port: u16) -> Process {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("PORT", port.to_string());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Process::spawn(command).unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()))
}

/// The first line of the answer to `GET /health/live`.
async fn status_line(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// Then the request is made anew.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
