use std::time::Duration;

use crate::RedisUrl;

/// Which server, and how long to wait for it.
///
/// ```
/// use std::time::Duration;
/// use handstamp_redis::RedisConfig;
///
/// let config = RedisConfig {
///     command_timeout: Duration::from_millis(100),
///     ..RedisConfig::new("redis://localhost:6379".parse()?)
/// };
/// assert_eq!(config.connect_timeout, Duration::from_millis(500));
/// # Ok::<(), handstamp_redis::RedisUrlError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisConfig {
    /// The server.
    pub url: RedisUrl,
    /// How long a command waits for its answer, and before that, how long it waits for a connection that is just
    /// being made. When a `PING` after that is not answered for so long either, the connection is given up, and
    /// replaced by a new one. Default: 200 milliseconds, somewhat less than the budget of a read.
    pub command_timeout: Duration,
    /// How long it may take to make a connection, handshake and all. Default: 500 milliseconds.
    pub connect_timeout: Duration,
    /// How many commands may wait for the server at a time. More are refused at once, so that a server which
    /// stands still costs no memory. Default: 4,096.
    pub max_in_flight: usize,
}

impl RedisConfig {
    /// The server at `url`, and the defaults.
    #[must_use]
    pub const fn new(url: RedisUrl) -> Self {
        Self {
            url,
            command_timeout: Duration::from_millis(200),
            connect_timeout: Duration::from_millis(500),
            max_in_flight: 4_096,
        }
    }
}
