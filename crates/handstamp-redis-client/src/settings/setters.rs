use zeroize::Zeroizing;

use super::{NumberedNode, RedisSettings};
use crate::{Driver, ReadFrom};

impl RedisSettings {
    /// The URL of the servers.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(Zeroizing::new(url.into()));
        self
    }

    /// Nodes of a cluster: `host:port,host:port`.
    #[must_use]
    pub fn with_cluster_nodes(mut self, nodes: impl Into<String>) -> Self {
        self.cluster_nodes = Some(nodes.into());
        self
    }

    /// One more node of a cluster: `REDIS_NODE_1_HOST` and `REDIS_NODE_1_PORT`, or the same with the next number.
    #[must_use]
    pub fn with_node(mut self, host: impl Into<String>, port: u16) -> Self {
        let number = self.nodes.last().map_or(1, |node| node.number.saturating_add(1));
        self.nodes.push(NumberedNode { number, host: Some(host.into()), port: Some(port) });
        self
    }

    /// The user, which needs a password.
    #[must_use]
    pub fn with_username(mut self, user: impl Into<String>) -> Self {
        self.username = Some(user.into());
        self
    }

    /// The password of that user, or of the default user.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Zeroizing::new(password.into()));
        self
    }

    /// Whether connections to the nodes in a list use TLS. The scheme of a URL decides that by itself.
    #[must_use]
    pub fn with_tls(mut self, tls: bool) -> Self {
        self.tls = Some(tls);
        self.without_problem("REDIS_TLS")
    }

    /// The file with the certificates of the trusted authorities, as PEM.
    #[must_use]
    pub fn with_ca_file(mut self, path: impl Into<String>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// The file with the certificate of the client, as PEM.
    #[must_use]
    pub fn with_cert_file(mut self, path: impl Into<String>) -> Self {
        self.cert_file = Some(path.into());
        self
    }

    /// The file with the private key of that certificate, as PEM, unencrypted.
    #[must_use]
    pub fn with_key_file(mut self, path: impl Into<String>) -> Self {
        self.key_file = Some(path.into());
        self
    }

    /// Which servers serve reads.
    #[must_use]
    pub fn with_read_from(mut self, servers: ReadFrom) -> Self {
        self.read_from = Some(servers);
        self.without_problem("REDIS_READ_FROM")
    }

    /// The number of replicas that must have a durable write before it counts.
    #[must_use]
    pub fn with_wait_replicas(mut self, replicas: u32) -> Self {
        self.wait_replicas = Some(replicas);
        self.without_problem("REDIS_WAIT_REPLICAS")
    }

    /// The library underneath.
    #[must_use]
    pub fn with_driver(mut self, driver: Driver) -> Self {
        self.driver = Some(driver);
        self.without_problem("REDIS_DRIVER")
    }

    /// A setting in code replaces an invalid variable, too.
    fn without_problem(mut self, variable: &str) -> Self {
        self.problems.retain(|problem| problem.variable != variable);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_in_code_replaces_an_invalid_variable() {
        let vars = [
            ("REDIS_CLUSTER_NODES", "localhost"),
            ("REDIS_DRIVER", "any"),
            ("REDIS_READ_FROM", "any"),
            ("REDIS_TLS", "perhaps"),
            ("REDIS_WAIT_REPLICAS", "many"),
        ];
        let var = |name: &str| {
            Ok(vars.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned()))
        };
        let settings = RedisSettings::from_vars(var);
        assert_eq!(settings.problems().len(), 4);
        let settings = settings
            .with_driver(Driver::Fred)
            .with_read_from(ReadFrom::Replica)
            .with_tls(false)
            .with_wait_replicas(1);
        assert_eq!(settings.problems(), []);
        let config = settings.resolve().unwrap().unwrap();
        assert_eq!((config.read_from, config.wait_replicas), (ReadFrom::Replica, 1));
    }
}
