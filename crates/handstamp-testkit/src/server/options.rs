/// How a [`RedisServer`](crate::RedisServer) is set up. By default it keeps nothing on disk, and asks for no password.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Whether it writes every change to disk at once, and has it again after a restart.
    pub append_only: bool,
    /// The password of the default user.
    pub password: Option<String>,
    /// Whether it speaks TLS on its port, and nothing else, with [certificates](crate::Certificates) of its own. A
    /// program that cannot is replaced by the `redis-server` from the path.
    pub tls: bool,
    /// Whether it then asks its clients for a certificate, too.
    pub tls_client_certificates: bool,
    /// Further arguments, as on the command line: `["--maxmemory", "2mb"]`.
    pub args: Vec<String>,
}
