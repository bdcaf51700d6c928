use std::time::Duration;

/// The options of a [`RedisSentinel`](super::RedisSentinel). Default: no passwords and no persistence.
#[derive(Clone, Debug)]
pub struct SentinelOptions {
    /// After this time without a reply, a sentinel considers a server down. Default: four seconds, which is enough on a busy machine.
    pub down_after: Duration,
    /// After this time, the sentinels give up a failover and start another one. Default: five seconds.
    pub failover_timeout: Duration,
    /// The password of the default user of the servers.
    pub password: Option<String>,
    /// The password of the sentinels.
    pub sentinel_password: Option<String>,
    /// Whether the servers persist every write immediately, so that it survives a restart.
    pub append_only: bool,
    /// Whether all connections, also between servers and sentinels, use TLS only. See
    /// [`ServerOptions::tls`](crate::ServerOptions).
    pub tls: bool,
    /// Whether clients have to present a certificate.
    pub tls_client_certificates: bool,
    /// Further command-line arguments of every server.
    pub args: Vec<String>,
}

impl Default for SentinelOptions {
    fn default() -> Self {
        Self {
            down_after: Duration::from_secs(4),
            failover_timeout: Duration::from_secs(5),
            password: None,
            sentinel_password: None,
            append_only: false,
            tls: false,
            tls_client_certificates: false,
            args: Vec::new(),
        }
    }
}
