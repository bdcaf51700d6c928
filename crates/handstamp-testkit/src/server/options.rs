/// The options of a [`RedisServer`](crate::RedisServer). Default: no persistence and no password.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Whether it persists every write immediately, so that it survives a restart.
    pub append_only: bool,
    /// The password of the default user.
    pub password: Option<String>,
    /// Whether its port accepts TLS only, with its own [certificates](crate::Certificates). A program without support for TLS is
    /// replaced by the `redis-server` from the path.
    pub tls: bool,
    /// Whether clients have to present a certificate.
    pub tls_client_certificates: bool,
    /// Further command-line arguments, such as `["--maxmemory", "2mb"]`.
    pub args: Vec<String>,
}
