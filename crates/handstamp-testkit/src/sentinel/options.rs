use std::time::Duration;

/// How a [`RedisSentinel`](super::RedisSentinel) is set up. By default nobody asks for a password, and nothing is kept
/// on disk but the settings.
#[derive(Clone, Debug)]
pub struct SentinelOptions {
    /// How long a server may be silent before a sentinel holds it for down: four seconds by default, which a server on
    /// a busy machine is not.
    pub down_after: Duration,
    /// How long a failover may take before the sentinels try another: five seconds by default.
    pub failover_timeout: Duration,
    /// The password of the default user of the servers.
    pub password: Option<String>,
    /// The password of the sentinels.
    pub sentinel_password: Option<String>,
    /// Whether the servers write every change to disk at once, and have it again after a restart.
    pub append_only: bool,
    /// Whether all speak TLS, with each other too, and nothing else. See [`ServerOptions::tls`](crate::ServerOptions).
    pub tls: bool,
    /// Whether they then ask their clients for a certificate, too.
    pub tls_client_certificates: bool,
    /// Further arguments of every server, as on the command line.
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
