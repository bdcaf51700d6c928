//! A real Redis Cluster. One idea a file: how it is set up and started, who serves what, how slots and nodes move.

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

/// A real Redis or Valkey cluster on loopback. Its nodes are named by their index, which never changes: the first are
/// the primaries, and then come their replicas in the same order, before anything fails.
///
/// The program is that of [`RedisServer`]. It must be 7.0 or newer.
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
    /// When there is no server program, or the nodes do not get together in time.
    pub async fn start() -> Self {
        Self::start_with(ClusterOptions::default()).await
    }

    /// A cluster that is well: all slots are served, and all replicas have every write of their primaries.
    ///
    /// # Panics
    ///
    /// As with [`start`](Self::start).
    pub async fn start_with(options: ClusterOptions) -> Self {
        form::form(options).await
    }

    /// The URL that names every node that has not been removed.
    ///
    /// # Panics
    ///
    /// When all have been removed.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let password = self.options.password.as_ref().map(|word| format!(":{word}@")).unwrap_or_default();
        let seeds = self.seeds();
        let (first, others) = seeds.split_first().expect("a node that is left");
        let others: Vec<_> = others.iter().map(|seed| format!("node={seed}")).collect();
        let separator = if others.is_empty() { "" } else { "?" };
        format!("{scheme}-cluster://{password}{first}{separator}{}", others.join("&"))
    }

    /// The addresses that clients are told of, of all nodes that have not been removed.
    #[must_use]
    pub fn seeds(&self) -> Vec<String> {
        self.members().map(|node| format!("127.0.0.1:{}", node.announced_port())).collect()
    }

    /// How many nodes there ever were.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The server of a node, to look into. To stop it, ask the cluster.
    ///
    /// # Panics
    ///
    /// When there is no such node, as all that take an index do.
    #[must_use]
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index].server
    }

    /// The network between a node and its clients.
    ///
    /// # Panics
    ///
    /// When the cluster is not [behind proxies](ClusterOptions::behind_proxies).
    #[must_use]
    pub fn proxy(&self, index: usize) -> &Proxy {
        self.nodes[index].proxy.as_ref().expect("a cluster started with `behind_proxies`")
    }

    /// What all speak TLS with.
    ///
    /// # Panics
    ///
    /// When they do not speak TLS.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("started with `tls`")
    }

    /// What the cluster calls a node.
    #[must_use]
    pub fn id(&self, index: usize) -> &str {
        &self.nodes[index].id
    }

    /// Ends a node at once, as a crash would.
    pub fn kill(&mut self, index: usize) {
        self.note_what_it_serves(index);
        self.nodes[index].server.kill();
    }

    /// Makes a node stand still, for clients and the other nodes alike.
    pub fn pause(&mut self, index: usize) {
        self.note_what_it_serves(index);
        self.nodes[index].server.pause();
    }

    /// Lets a node go on.
    pub fn resume(&self, index: usize) {
        self.nodes[index].server.resume();
    }

    /// Starts a node anew. It remembers the cluster, and soon learns what has happened meanwhile: a primary that
    /// another took over from is a replica then. [`until_ok`](Self::until_ok) waits for that.
    pub async fn restart(&mut self, index: usize) {
        self.nodes[index].server.restart().await;
    }

    /// The nodes that have not been removed.
    fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.removed)
    }

    /// The nodes that answer.
    fn running(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.server.is_running())
    }

    fn index_of(&self, id: &str) -> usize {
        self.nodes.iter().position(|node| node.id == id).expect("a node of this cluster")
    }
}
