use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::port::free_port;
use crate::process::Process;

/// A real Redis or Valkey server on a loopback port, with a directory of its own.
///
/// The program is what the variable `HANDSTAMP_TEST_SERVER` says, or else `redis-server` from the path. See
/// [`command`](Self::command) and its like for how to look into the server without the code under test.
#[derive(Debug)]
pub struct RedisServer {
    // Goes before the directory that it writes to.
    process: Process,
    dir: TempDir,
    port: u16,
    options: ServerOptions,
}

/// How a [`RedisServer`] is set up. By default it keeps nothing on disk, and asks for no password.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Whether it writes every change to disk at once, and has it again after a restart.
    pub append_only: bool,
    /// The password of the default user.
    pub password: Option<String>,
    /// Further arguments, as on the command line: `["--maxmemory", "2mb"]`.
    pub args: Vec<String>,
}

impl RedisServer {
    /// A server that keeps nothing on disk.
    ///
    /// # Panics
    ///
    /// When there is no server program, or it does not answer in time.
    pub async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    /// A server.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn start_with(options: ServerOptions) -> Self {
        for _ in 0..PORTS_TO_TRY {
            let server = Self::prepare(options.clone());
            if let Some(server) = server.answering().await {
                return server;
            }
        }
        panic!("the server found every port taken")
    }

    /// The loopback port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path of the Unix socket that it listens on, too.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(self.dir.path())
    }

    /// The URL, with the password of the default user if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.options.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// The URL for a user.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// Ends the server at once, as a crash would (`SIGKILL`).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server anew, on the same port and directory; one that still runs is killed first.
    ///
    /// # Panics
    ///
    /// When it does not answer in time.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = launch(self.dir.path(), self.port, &self.options);
        assert!(self.answers().await, "the port of the server was taken in the meantime");
    }

    /// Makes the server stand still (`SIGSTOP`): connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets the server go on (`SIGCONT`).
    pub fn resume(&self) {
        self.process.resume();
    }

    fn prepare(options: ServerOptions) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the server");
        let port = free_port();
        Self { process: launch(dir.path(), port, &options), dir, port, options }
    }

    async fn answering(mut self) -> Option<Self> {
        self.answers().await.then_some(self)
    }

    /// Waits until the server answers. Returns false if it cannot because its port is taken.
    async fn answers(&mut self) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if self.process.exited().is_some() {
                let output = self.process.output();
                assert!(output.contains("in use"), "the server did not start:\n{output}");
                return false;
            }
            if self.try_command(&["PING"]).is_ok() {
                return true;
            }
            assert!(
                Instant::now() < deadline,
                "the server did not answer within {START_LIMIT:?}:\n{}",
                self.process.output()
            );
            sleep(PAUSE).await;
        }
    }
}

fn launch(dir: &Path, port: u16, options: &ServerOptions) -> Process {
    let program = std::env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| OsString::from("redis-server"));
    let mut command = Command::new(&program);
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

fn socket(dir: &Path) -> PathBuf {
    dir.join("redis.sock")
}

const PROGRAM_VARIABLE: &str = "HANDSTAMP_TEST_SERVER";
const PORTS_TO_TRY: usize = 5;
const START_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(3);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn what_was_written_survives_a_crash_if_it_shall() {
        for append_only in [false, true] {
            let mut server =
                RedisServer::start_with(ServerOptions { append_only, ..ServerOptions::default() }).await;
            server.set("key", b"value", Duration::from_secs(60));
            server.kill();
            assert!(server.try_command(&["PING"]).is_err());
            server.restart().await;
            assert_eq!(server.get("key").is_some(), append_only);
        }
    }

    #[tokio::test]
    async fn a_paused_server_answers_when_it_goes_on() {
        let server = RedisServer::start().await;
        server.pause();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port())).expect("connect");
        stream.write_all(b"PING\r\n").expect("write");
        let limit = Some(Duration::from_millis(50));
        stream.set_read_timeout(limit).expect("a limit");
        assert!(stream.read(&mut [0; 7]).is_err());
        server.resume();
        stream.set_read_timeout(None).expect("no limit");
        assert_eq!(stream.read(&mut [0; 7]).expect("an answer"), 7);
    }

    #[tokio::test]
    async fn passwords_are_asked_for() {
        let server = RedisServer::start_with(ServerOptions {
            password: Some("s3cret".to_owned()),
            ..ServerOptions::default()
        })
        .await;
        assert!(
            redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
                .and_then(|client| redis::cmd("PING").exec(&mut client.get_connection()?))
                .is_err()
        );
        server.command(&["PING"]);
    }

    #[tokio::test]
    async fn a_server_does_not_outlive_its_value() {
        let server = RedisServer::start().await;
        let url = server.url();
        drop(server);
        assert!(redis::Client::open(url).expect("url").get_connection().is_err());
    }
}
