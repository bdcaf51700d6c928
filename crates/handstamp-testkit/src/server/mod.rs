mod launch;
mod options;
mod program;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) use self::launch::Setup;
pub use self::options::ServerOptions;
use crate::port::{PORT_IS_TAKEN, PORTS_TO_TRY, ReservedPort};
use crate::process::Process;
use crate::{Certificates, PATIENCE};

/// A real Redis or Valkey server on a loopback port, with a directory of its own.
///
/// The program is the value of the variable `HANDSTAMP_TEST_SERVER`, or else `redis-server` from the path.
/// [`command`](Self::command) and similar methods inspect the server without the code under test.
#[derive(Debug)]
pub struct RedisServer {
    // Dropped before the directory that it writes to.
    process: Process,
    dir: TempDir,
    port: ReservedPort,
    setup: Setup,
    running: AtomicBool,
}

impl RedisServer {
    /// A server without persistence.
    ///
    /// # Panics
    ///
    /// When there is no server program, or it does not reply in time.
    pub async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    /// A server with these options.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn start_with(options: ServerOptions) -> Self {
        Self::start_as(&Setup::new(options)).await
    }

    pub(crate) async fn start_as(setup: &Setup) -> Self {
        for _ in 0..PORTS_TO_TRY {
            if let Some(server) = Self::start_on(ReservedPort::any(), setup.clone()).await {
                return server;
            }
        }
        panic!("every port that was tried is in use")
    }

    /// The loopback port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// The path of the Unix socket that it also listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        launch::socket(self.dir.path())
    }

    /// The URL, with the password of the default user if it has one.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.password().map(|password| format!(":{password}@"));
        self.url_with(&password.unwrap_or_default())
    }

    /// The URL for a user.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        self.url_with(&format!("{user}:{password}@"))
    }

    /// The TLS certificates of the server.
    ///
    /// # Panics
    ///
    /// When it does not use [TLS](ServerOptions::tls).
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.setup.certificates.as_ref().expect("a server started with `tls`")
    }

    /// Kills the server (`SIGKILL`).
    pub fn kill(&mut self) {
        self.running.store(false, Ordering::SeqCst);
        self.process.kill();
    }

    /// Restarts the server with the same port and directory. A running server is killed first.
    ///
    /// # Panics
    ///
    /// When it does not reply in time.
    pub async fn restart(&mut self) {
        self.kill();
        self.process = launch::launch(self.dir.path(), self.port(), &self.setup);
        assert!(self.is_ready().await, "a port of the server was taken in the meantime");
        self.running.store(true, Ordering::SeqCst);
    }

    /// Suspends the server (`SIGSTOP`): connections stay open, and there are no replies.
    pub fn pause(&self) {
        self.running.store(false, Ordering::SeqCst);
        self.process.pause();
    }

    /// Resumes the server (`SIGCONT`).
    pub fn resume(&self) {
        self.process.resume();
        self.running.store(true, Ordering::SeqCst);
    }

    /// Whether the server is neither killed nor suspended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    /// A server on this port; `None` if a port that it needs is in use.
    pub(crate) async fn start_on(port: ReservedPort, setup: Setup) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory for the server");
        setup.write_config(dir.path());
        let process = launch::launch(dir.path(), port.number(), &setup);
        let mut server = Self { process, dir, port, setup, running: AtomicBool::new(true) };
        server.is_ready().await.then_some(server)
    }

    fn url_with(&self, user: &str) -> String {
        if self.setup.certificates.is_some() {
            format!("rediss://{user}localhost:{}", self.port())
        } else {
            format!("redis://{user}127.0.0.1:{}", self.port())
        }
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.setup.options.password.as_deref()
    }

    /// Waits until the server replies. Returns false if its port is in use.
    async fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.process.ended(Duration::ZERO).await.is_some() {
                let output = self.process.output();
                assert!(output.contains(PORT_IS_TAKEN), "the server did not start:\n{output}");
                return false;
            }
            if self.try_command(&["PING"]).is_ok() {
                return true;
            }
            assert!(
                Instant::now() < deadline,
                "the server did not reply within {PATIENCE:?}:\n{}",
                self.process.output()
            );
            sleep(PAUSE).await;
        }
    }
}

const PAUSE: Duration = Duration::from_millis(3);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn writes_survive_a_crash_with_append_only() {
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
    async fn a_suspended_server_replies_after_it_is_resumed() {
        let server = RedisServer::start().await;
        server.pause();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port())).expect("connect");
        stream.write_all(b"PING\r\n").expect("write");
        let limit = Some(Duration::from_millis(50));
        stream.set_read_timeout(limit).expect("a limit");
        assert!(stream.read(&mut [0; 7]).is_err());
        server.resume();
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.read_exact(&mut [0; 7]).expect("a reply");
    }

    #[tokio::test]
    async fn the_password_is_required() {
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
