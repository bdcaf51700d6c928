use std::time::Duration;

/// The options of a [`RedisCluster`](super::RedisCluster). Default: three primaries with one replica each, without persistence and
/// without a password.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The number of primaries, which initially share the slots evenly.
    pub primaries: usize,
    /// The number of replicas of each primary.
    pub replicas_each: usize,
    /// After this time without a reply, a node counts as failed. Default: four seconds, which is enough on a busy machine.
    pub node_timeout: Duration,
    /// The password of the default user.
    pub password: Option<String>,
    /// Whether the nodes persist every write immediately, so that it survives a restart.
    pub append_only: bool,
    /// Whether each node announces a [`Proxy`](crate::Proxy), through which clients connect. The cluster bus between the nodes is not
    /// proxied, but replication is, because a replica connects like a client.
    pub behind_proxies: bool,
    /// Whether all connections, also between nodes, use TLS only. See [`ServerOptions::tls`](crate::ServerOptions).
    pub tls: bool,
    /// Whether clients have to present a certificate.
    pub tls_client_certificates: bool,
    /// Further command-line arguments of every node.
    pub args: Vec<String>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            primaries: 3,
            replicas_each: 1,
            node_timeout: Duration::from_secs(4),
            password: None,
            append_only: false,
            behind_proxies: false,
            tls: false,
            tls_client_certificates: false,
            args: Vec::new(),
        }
    }
}
