//! A real Redis Cluster: options, start-up, topology, health, and how slots and nodes move.

mod form;
mod health;
mod members;
mod node;
mod observer;
mod options;
mod slots;
mod topology;
mod view;

use self::node::Node;
pub use self::options::ClusterOptions;
use crate::{Certificates, Proxy, RedisServer};

/// A real Redis or Valkey cluster on loopback. Nodes are identified by their index, which never changes: initially the primaries
/// come first, followed by their replicas in the same order.
///
/// It runs the same program as [`RedisServer`], which must be version 7.0 or newer.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
    options: ClusterOptions,
    certificates: Option<Certificates>,
}

impl RedisCluster {
    /// Three primaries with one replica each.
    ///
    /// # Panics
    ///
    /// When there is no server program, or the cluster does not form in time.
    pub async fn start() -> Self {
        Self::start_with(ClusterOptions::default()).await
    }

    /// A healthy cluster: all slots are served, and all replicas have every write of their primaries.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn start_with(options: ClusterOptions) -> Self {
        form::form(options).await
    }

    /// The URL with all members.
    ///
    /// # Panics
    ///
    /// When all nodes have been removed.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let password = self.options.password.as_ref().map(|word| format!(":{word}@")).unwrap_or_default();
        let seeds = self.seeds();
        let (first, others) = seeds.split_first().expect("a member");
        let others: Vec<_> = others.iter().map(|seed| format!("node={seed}")).collect();
        let separator = if others.is_empty() { "" } else { "?" };
        format!("{scheme}-cluster://{password}{first}{separator}{}", others.join("&"))
    }

    /// The announced addresses of all members.
    #[must_use]
    pub fn seeds(&self) -> Vec<String> {
        self.members().map(|node| format!("127.0.0.1:{}", node.announced_port())).collect()
    }

    /// The number of nodes, including removed ones.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The server of a node, for inspection. To stop it, use the methods of the cluster.
    ///
    /// # Panics
    ///
    /// When there is no such node, like all methods with an index.
    #[must_use]
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index].server
    }

    /// The proxy between a node and its clients.
    ///
    /// # Panics
    ///
    /// When the cluster is not [behind proxies](ClusterOptions::behind_proxies).
    #[must_use]
    pub fn proxy(&self, index: usize) -> &Proxy {
        self.nodes[index].proxy.as_ref().expect("a cluster started with `behind_proxies`")
    }

    /// The TLS certificates of the nodes.
    ///
    /// # Panics
    ///
    /// When the cluster does not use TLS.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("started with `tls`")
    }

    /// The id of a node in the cluster.
    #[must_use]
    pub fn id(&self, index: usize) -> &str {
        &self.nodes[index].id
    }

    /// Kills a node (`SIGKILL`).
    pub fn kill(&mut self, index: usize) {
        self.remember_slot(index);
        self.nodes[index].server.kill();
    }

    /// Suspends a node (`SIGSTOP`): clients and the other nodes get no replies.
    pub fn pause(&mut self, index: usize) {
        self.remember_slot(index);
        self.nodes[index].server.pause();
    }

    /// Resumes a suspended node.
    pub fn resume(&self, index: usize) {
        self.nodes[index].server.resume();
    }

    /// Restarts a node. It rejoins the cluster, as a replica if another node has taken over its slots; wait for that with
    /// [`until_ok`](Self::until_ok).
    pub async fn restart(&mut self, index: usize) {
        self.nodes[index].server.restart().await;
    }

    /// The nodes that have not been removed.
    fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.removed)
    }

    /// The nodes that are neither killed nor suspended.
    fn running(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.server.is_running())
    }

    fn index_of(&self, id: &str) -> usize {
        self.nodes.iter().position(|node| node.id == id).expect("a node of this cluster")
    }
}
