//! Settings by the names of environment variables: [`RedisSettings`].
//!
//! | File | What it does |
//! |---|---|
//! | `mod.rs` | the settings |
//! | `setters.rs` | set in code |
//! | `env.rs`, `var_reader.rs`, `quotes.rs` | read from variables |
//! | `resolve.rs`, `tls_files.rs` | checked, and made a [`RedisConfig`](crate::RedisConfig) |
//! | `error.rs` | an invalid setting |
//!
//! `var_reader.rs` and `quotes.rs` resemble those in the settings of `handstamp`, which is also built without this crate. The tests of both have the
//! same examples.

mod env;
mod error;
mod quotes;
mod resolve;
mod setters;
mod tls_files;
mod var_reader;

use std::fmt;

use zeroize::Zeroizing;

pub use self::error::{InvalidSettings, SettingError};
pub use self::var_reader::NotUtf8;
use crate::{Driver, ReadFrom};

/// The settings `REDIS_*`, in code or from variables.
///
/// `REDIS_URL`, or a list of the nodes of a cluster: `REDIS_CLUSTER_NODES`, `REDIS_NODE_1_HOST` and `REDIS_NODE_1_PORT` and so on to 99.
/// Besides: `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_TLS`, `REDIS_CA_FILE`, `REDIS_CERT_FILE`, `REDIS_KEY_FILE`,
/// `REDIS_READ_FROM`, `REDIS_WAIT_REPLICAS` and `REDIS_DRIVER`.
#[derive(Clone, Default)]
pub struct RedisSettings {
    url: Option<Zeroizing<String>>,
    cluster_nodes: Option<String>,
    nodes: Vec<NumberedNode>,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    tls: Option<bool>,
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    read_from: Option<ReadFrom>,
    wait_replicas: Option<u32>,
    driver: Option<Driver>,
    /// Variables whose values are invalid.
    problems: Vec<SettingError>,
}

/// `REDIS_NODE_1_HOST` and `REDIS_NODE_1_PORT`.
#[derive(Clone, Debug)]
struct NumberedNode {
    number: u32,
    host: Option<String>,
    port: Option<u16>,
}

impl RedisSettings {
    /// The highest number of a node in `REDIS_NODE_1_HOST` and the like.
    pub const MAX_NODES: u32 = 99;

    /// No settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the servers are named, in one way or several.
    #[must_use]
    pub fn names_servers(&self) -> bool {
        self.sources().next().is_some()
    }

    /// Which servers serve reads, if that is set.
    #[must_use]
    pub const fn read_from(&self) -> Option<ReadFrom> {
        self.read_from
    }

    /// Variables whose values are invalid. [`resolve`](Self::resolve) reports them, too.
    #[must_use]
    pub fn problems(&self) -> &[SettingError] {
        &self.problems
    }

    /// The names of the variables that are set.
    pub fn names(&self) -> impl Iterator<Item = String> {
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
            ("REDIS_DRIVER", self.driver.is_some()),
        ];
        let others = self.lists().into_iter().chain(others).filter(|(_, set)| *set);
        others.map(|(name, _)| name.to_owned()).chain(nodes.flatten())
    }

    /// The first variable of each way to name the servers. There should be one.
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

/// The names of the variables that are set. Nearly any value may hold a secret, if only by mistake.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
