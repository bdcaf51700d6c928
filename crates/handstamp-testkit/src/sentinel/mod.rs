//! A primary with replicas, monitored by sentinels.

mod form;
mod options;
mod watch;

pub use self::options::SentinelOptions;
use crate::{Certificates, RedisServer};

/// Three real Redis or Valkey servers on loopback, one of them the primary, and three sentinels with a quorum of two. Servers and
/// sentinels are identified by their index, which never changes; server 0 is the first primary.
///
/// It runs the same program as [`RedisServer`], which must be version 7.0 or newer.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    options: SentinelOptions,
    certificates: Option<Certificates>,
}

impl RedisSentinel {
    /// Servers and sentinels without passwords.
    ///
    /// # Panics
    ///
    /// When there is no server program, or the servers and sentinels do not connect in time.
    pub async fn start() -> Self {
        Self::start_with(SentinelOptions::default()).await
    }

    /// Healthy servers and sentinels: the sentinels know all others, and all replicas have every write of the primary.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn start_with(options: SentinelOptions) -> Self {
        form::form(options).await
    }

    /// The URL with all sentinels and the passwords.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let password = self.options.password.as_ref().map(|word| format!(":{word}@")).unwrap_or_default();
        let [first, others @ ..] = &self.seeds()[..] else { return String::new() };
        let others: String = others.iter().map(|seed| format!("node={seed}&")).collect();
        let of_sentinels = self.options.sentinel_password.as_ref();
        let of_sentinels = of_sentinels.map(|word| format!("&sentinelPassword={word}")).unwrap_or_default();
        format!("{scheme}-sentinel://{password}{first}/0?{others}sentinelServiceName={SERVICE}{of_sentinels}")
    }

    /// The addresses of all sentinels.
    #[must_use]
    pub fn seeds(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect()
    }

    /// The TLS certificates of the servers and sentinels.
    ///
    /// # Panics
    ///
    /// When they do not use TLS.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("started with `tls`")
    }

    /// The servers, for inspection.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The sentinels, for inspection.
    #[must_use]
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// Kills a server (`SIGKILL`).
    pub fn kill(&mut self, index: usize) {
        self.servers[index].kill();
    }

    /// Suspends a server (`SIGSTOP`).
    pub fn pause(&self, index: usize) {
        self.servers[index].pause();
    }

    /// Resumes a suspended server. If another server was promoted in the meantime, this one still acts as a primary until the
    /// sentinels reconfigure it.
    pub fn resume(&self, index: usize) {
        self.servers[index].resume();
    }

    /// Restarts a server. If another server was promoted in the meantime, this one still acts as a primary until the sentinels
    /// reconfigure it; wait for that with [`until_ok`](Self::until_ok).
    pub async fn restart(&mut self, index: usize) {
        self.servers[index].restart().await;
    }

    /// Kills a sentinel (`SIGKILL`).
    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].kill();
    }

    /// Restarts a sentinel. It still knows the others.
    pub async fn restart_sentinel(&mut self, index: usize) {
        self.sentinels[index].restart().await;
        form::shorten_periods(&self.sentinels[index]);
    }
}

/// The service name of the servers.
const SERVICE: &str = "mymaster";
