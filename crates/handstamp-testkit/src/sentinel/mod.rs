//! A primary and its replicas, and the sentinels that watch them. One idea a file.

mod form;
mod options;
mod watch;

pub use self::options::SentinelOptions;
use crate::{Certificates, RedisServer};

/// Three real Redis or Valkey servers on loopback, one of which is the primary, and three sentinels, two of which must
/// agree to promote another. All are named by their index, which never changes; server 0 is the first primary.
///
/// The program is that of [`RedisServer`]. It must be 7.0 or newer.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    options: SentinelOptions,
    certificates: Option<Certificates>,
}

impl RedisSentinel {
    /// Servers and sentinels that ask for no password.
    ///
    /// # Panics
    ///
    /// When there is no server program, or they do not get together in time.
    pub async fn start() -> Self {
        Self::start_with(SentinelOptions::default()).await
    }

    /// Servers and sentinels that know each other, and are well: all replicas have every write of the primary.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn start_with(options: SentinelOptions) -> Self {
        form::form(options).await
    }

    /// The URL that names every sentinel, with the passwords.
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

    /// What all speak TLS with.
    ///
    /// # Panics
    ///
    /// When they do not speak TLS.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("started with `tls`")
    }

    /// The servers, to look into.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The sentinels, to look into.
    #[must_use]
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// Ends a server at once, as a crash would.
    pub fn kill(&mut self, index: usize) {
        self.servers[index].kill();
    }

    /// Makes a server stand still.
    pub fn pause(&self, index: usize) {
        self.servers[index].pause();
    }

    /// Lets a server go on. If another was promoted meanwhile, it takes itself for the primary until the sentinels
    /// invalidation it.
    pub fn resume(&self, index: usize) {
        self.servers[index].resume();
    }

    /// Starts a server anew. If another was promoted meanwhile, it takes itself for the primary until the sentinels
    /// invalidation it. [`until_ok`](Self::until_ok) waits for that.
    pub async fn restart(&mut self, index: usize) {
        self.servers[index].restart().await;
    }

    /// Ends a sentinel at once, as a crash would.
    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].kill();
    }

    /// Starts a sentinel anew. It remembers the others.
    pub async fn restart_sentinel(&mut self, index: usize) {
        self.sentinels[index].restart().await;
        form::hurry(&self.sentinels[index]);
    }
}

/// What the sentinels call the servers.
const SERVICE: &str = "mymaster";
