use handstamp_redis::{Driver, InvalidationTransport, ReadFrom, RedisSettings};

use super::super::Config;

/// The Redis or Valkey that keeps the sessions: see [the forms of its URL](Config#redis).
impl Config {
    /// The servers that keep the sessions.
    #[must_use]
    pub fn redis_url(self, url: impl Into<String>) -> Self {
        self.with_client(|client| client.with_url(url))
    }

    /// Nodes of the cluster that keeps the sessions, in place of a URL: `host:port,host:port`.
    #[must_use]
    pub fn redis_cluster_nodes(self, nodes: impl Into<String>) -> Self {
        self.with_client(|client| client.with_cluster_nodes(nodes))
    }

    /// One more node of the cluster that keeps the sessions, in place of a URL: `REDIS_NODE_1_HOST` and
    /// `REDIS_NODE_1_PORT` in the environment, or the same with the next number.
    #[must_use]
    pub fn redis_node(self, host: impl Into<String>, port: u16) -> Self {
        self.with_client(|client| client.with_node(host, port))
    }

    /// The user for the servers, together with a password. Not together with credentials in the URL.
    #[must_use]
    pub fn redis_username(self, user: impl Into<String>) -> Self {
        self.with_client(|client| client.with_username(user))
    }

    /// The password of that user, or of the default user. Not together with credentials in the URL.
    #[must_use]
    pub fn redis_password(self, password: impl Into<String>) -> Self {
        self.with_client(|client| client.with_password(password))
    }

    /// Whether connections to the nodes in a list use TLS. The scheme of a URL decides that by itself.
    #[must_use]
    pub fn redis_tls(self, tls: bool) -> Self {
        self.with_client(|client| client.with_tls(tls))
    }

    /// The file with the certificates of the authorities to trust, as PEM; no others are trusted. It is read when the node starts.
    #[must_use]
    pub fn redis_ca_file(self, path: impl Into<String>) -> Self {
        self.with_client(|client| client.with_ca_file(path))
    }

    /// The file with the certificate of the client, for servers that require one, as PEM. It is read when the node starts.
    #[must_use]
    pub fn redis_cert_file(self, path: impl Into<String>) -> Self {
        self.with_client(|client| client.with_cert_file(path))
    }

    /// The file with the private key of that certificate, as PEM, unencrypted.
    #[must_use]
    pub fn redis_key_file(self, path: impl Into<String>) -> Self {
        self.with_client(|client| client.with_key_file(path))
    }

    /// Which servers serve reads.
    #[must_use]
    pub fn redis_read_from(self, servers: ReadFrom) -> Self {
        self.with_client(|client| client.with_read_from(servers))
    }

    /// The number of replicas that must have a create, a renewal or a logout before it counts.
    #[must_use]
    pub fn redis_wait_replicas(self, replicas: u32) -> Self {
        self.with_client(|client| client.with_wait_replicas(replicas))
    }

    /// The library that speaks to the servers.
    #[must_use]
    pub fn redis_driver(self, driver: Driver) -> Self {
        self.with_client(|client| client.with_driver(driver))
    }

    /// The transport of invalidations.
    #[must_use]
    pub fn redis_invalidation(mut self, transport: InvalidationTransport) -> Self {
        self.redis.invalidation = Some(Ok(transport));
        self
    }

    fn with_client(mut self, set: impl FnOnce(RedisSettings) -> RedisSettings) -> Self {
        self.redis.client = set(self.redis.client);
        self
    }
}
