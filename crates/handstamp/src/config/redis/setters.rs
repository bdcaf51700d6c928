use zeroize::Zeroizing;

use super::super::Config;
use super::NumberedNode;

/// Which Redis or Valkey keeps the sessions: see [the forms of its URL](Config#redis).
impl Config {
    /// The servers that keep the sessions.
    #[must_use]
    pub fn redis_url(mut self, url: impl Into<String>) -> Self {
        self.redis.url = Some(Zeroizing::new(url.into()));
        self
    }

    /// Some nodes of the cluster that keeps the sessions, in place of a URL: `host:port,host:port`.
    #[must_use]
    pub fn redis_cluster_nodes(mut self, nodes: impl Into<String>) -> Self {
        self.redis.cluster_nodes = Some(nodes.into());
        self
    }

    /// One more node of the cluster that keeps the sessions, in place of a URL: what `REDIS_NODE_1_HOST` and
    /// `REDIS_NODE_1_PORT` are in the environment, or the same with the next number.
    #[must_use]
    pub fn redis_node(mut self, host: impl Into<String>, port: u16) -> Self {
        let number = self.redis.nodes.last().map_or(1, |node| node.number.saturating_add(1));
        self.redis.nodes.push(NumberedNode { number, host: Some(host.into()), port: Some(port) });
        self
    }

    /// The user that we are to the servers, which needs a password. Not together with a URL that says it.
    #[must_use]
    pub fn redis_username(mut self, user: impl Into<String>) -> Self {
        self.redis.username = Some(user.into());
        self
    }

    /// The password of that user, or of the default one. Not together with a URL that says it.
    #[must_use]
    pub fn redis_password(mut self, password: impl Into<String>) -> Self {
        self.redis.password = Some(Zeroizing::new(password.into()));
        self
    }

    /// Whether connections to the nodes in a list use TLS. The scheme of a URL says that by itself.
    #[must_use]
    pub fn redis_tls(mut self, tls: bool) -> Self {
        self.redis.tls = Some(tls);
        self
    }

    /// The file with the certificate of the only authority to trust behind TLS, or several, as PEM. It is read when
    /// the node starts.
    #[must_use]
    pub fn redis_ca_file(mut self, path: impl Into<String>) -> Self {
        self.redis.ca_file = Some(path.into());
        self
    }

    /// The file with the certificate that servers behind TLS may want from us, as PEM. It is read when the node starts.
    #[must_use]
    pub fn redis_cert_file(mut self, path: impl Into<String>) -> Self {
        self.redis.cert_file = Some(path.into());
        self
    }

    /// The file with the private key of that certificate, as PEM, unencrypted.
    #[must_use]
    pub fn redis_key_file(mut self, path: impl Into<String>) -> Self {
        self.redis.key_file = Some(path.into());
        self
    }

    /// Which servers answer reads.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis_read_from(mut self, servers: crate::ReadFrom) -> Self {
        self.redis.read_from = Some(servers.to_string());
        self
    }

    /// How many replicas must have a write before it counts.
    #[must_use]
    pub fn redis_wait_replicas(mut self, replicas: u32) -> Self {
        self.redis.wait_replicas = Some(replicas);
        self
    }

    /// What carries invalidations.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis_invalidation(mut self, transport: crate::Transport) -> Self {
        self.redis.invalidation = Some(transport.to_string());
        self
    }
}
