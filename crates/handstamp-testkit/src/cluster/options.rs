use std::time::Duration;

/// How a [`RedisCluster`](super::RedisCluster) is set up. By default it has three primaries with one replica each,
/// which keep nothing on disk and ask for no password.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// How many primaries share the slots evenly at first.
    pub primaries: usize,
    /// How many replicas each of them has.
    pub replicas_each: usize,
    /// How long a node may be silent before the others hold it for failed: four seconds by default, which a node on a
    /// busy machine is not.
    pub node_timeout: Duration,
    /// The password of the default user, of the replicas too.
    pub password: Option<String>,
    /// Whether the nodes write every change to disk at once, and have it again after a restart.
    pub append_only: bool,
    /// Whether clients reach each node through a [`Proxy`](crate::Proxy), which the node is announced with. The nodes
    /// hear of each other's health on their own ways all the same. But a replica follows its primary as a client does.
    pub behind_proxies: bool,
    /// Whether all speak TLS, with each other too, and nothing else. See [`ServerOptions::tls`](crate::ServerOptions).
    pub tls: bool,
    /// Whether they then ask their clients for a certificate, too.
    pub tls_client_certificates: bool,
    /// Further arguments of every node, as on the command line.
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
