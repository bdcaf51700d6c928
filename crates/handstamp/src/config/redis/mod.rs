mod env;
#[cfg(feature = "redis")]
mod resolve;
mod setters;
#[cfg(all(test, feature = "redis"))]
mod tests;
#[cfg(feature = "redis")]
mod tls;

use std::fmt;

use zeroize::Zeroizing;

/// What the variables say that begin with `REDIS_`.
#[derive(Clone, Default)]
pub(super) struct RedisSettings {
    url: Option<Zeroizing<String>>,
    cluster_nodes: Option<String>,
    nodes: Vec<NumberedNode>,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    tls: Option<bool>,
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    read_from: Option<String>,
    wait_replicas: Option<u32>,
    invalidation: Option<String>,
    /// Those of [`MISNAMED`] that are set.
    misnamed: Vec<&'static str>,
}

/// `REDIS_NODE_1_HOST` and `REDIS_NODE_1_PORT`.
#[derive(Clone, Debug)]
struct NumberedNode {
    number: u32,
    host: Option<String>,
    port: Option<u16>,
}

impl RedisSettings {
    /// Whether sessions are to be on Redis at all.
    pub(super) fn names_servers(&self) -> bool {
        self.sources().next().is_some()
    }

    /// Those of [`MISNAMED`] that are set.
    pub(super) fn misnamed(&self) -> &[&'static str] {
        &self.misnamed
    }

    /// The names of all variables that are set.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let nodes = self.nodes.iter().flat_map(|node| {
            [node.host.is_some().then(|| node.host_name()), node.port.is_some().then(|| node.port_name())]
        });
        let others = [
            ("REDIS_USERNAME", self.username.is_some()),
            ("REDIS_PASSWORD", self.password.is_some()),
            ("REDIS_TLS", self.tls.is_some()),
            ("REDIS_CA_FILE", self.ca_file.is_some()),
            ("REDIS_CERT_FILE", self.cert_file.is_some()),
            ("REDIS_KEY_FILE", self.key_file.is_some()),
            ("REDIS_READ_FROM", self.read_from.is_some()),
            ("REDIS_WAIT_REPLICAS", self.wait_replicas.is_some()),
            ("REDIS_INVALIDATION", self.invalidation.is_some()),
        ];
        let others = self.lists().into_iter().chain(others).filter(|(_, set)| *set);
        others.map(|(name, _)| name.to_owned()).chain(nodes.flatten())
    }

    /// The first variable of each way in which the servers are named. There should be one.
    fn sources(&self) -> impl Iterator<Item = String> {
        let lists = self.lists().into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned());
        let node = self.nodes.first().map(|node| match node.host {
            Some(_) => node.host_name(),
            None => node.port_name(),
        });
        lists.chain(node)
    }

    fn lists(&self) -> [(&'static str, bool); 2] {
        [("REDIS_URL", self.url.is_some()), ("REDIS_CLUSTER_NODES", self.cluster_nodes.is_some())]
    }
}

impl NumberedNode {
    fn host_name(&self) -> String {
        format!("REDIS_NODE_{}_HOST", self.number)
    }

    fn port_name(&self) -> String {
        format!("REDIS_NODE_{}_PORT", self.number)
    }
}

/// Where other programs look for the server. These are not settings, and are read only to be refused or warned of.
pub(super) const MISNAMED: [&str; 9] = [
    "REDISHOST",
    "REDISPORT",
    "REDIS_HOST",
    "REDIS_PORT",
    "VALKEY_HOST",
    "VALKEY_PORT",
    "VALKEY_URL",
    "redis_url",
    "valkey_url",
];

/// The highest number of a node in `REDIS_NODE_1_HOST` and its like.
pub(super) const MAX_NODES: u32 = 99;

/// Names what is set. Nearly all of it may hold a secret, if only by mistake.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
