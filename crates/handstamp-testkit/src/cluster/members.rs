use std::time::Duration;

use tokio::time::Instant;

use super::RedisCluster;
use super::node::Node;
use crate::{PATIENCE, eventually};

/// Nodes that come, go, and change their parts.
impl RedisCluster {
    /// Has a replica take over from its primary while both are well, as before maintenance. Returns the new primary.
    ///
    /// # Panics
    ///
    /// When the node has no replica that runs, or the cluster does not do it within [`PATIENCE`].
    pub async fn fail_over(&self, index: usize) -> usize {
        let slot = self.slot_served_by(index).unwrap_or_else(|| panic!("node {index} serves no slot"));
        let replicas = self.replicas_of(index);
        let new = *replicas.first().unwrap_or_else(|| panic!("node {index} has no replica that runs"));
        let mut asked: Option<Instant> = None;
        eventually("the replica takes over on demand", PATIENCE, async || {
            self.check_owner(&(slot..=slot), &|index| index == new).or_else(|not_yet| {
                if asked.is_none_or(|asked| asked.elapsed() > GIVEN_UP_AFTER) {
                    self.try_command(new, &["CLUSTER", "FAILOVER"]).map_err(|error| error.to_string())?;
                    asked = Some(Instant::now());
                }
                Err(not_yet)
            })
        })
        .await
    }

    /// Adds a node without slots. Returns its index.
    pub async fn add_primary(&mut self) -> usize {
        let new = Node::start(&self.options, self.certificates.as_ref()).await;
        self.nodes.push(new);
        self.introduce().await;
        self.until_ok().await;
        self.nodes.len() - 1
    }

    /// Has all others forget a node, and ends it. It must serve nothing any more, and nobody may follow it.
    ///
    /// # Panics
    ///
    /// When another node does not agree.
    pub async fn remove(&mut self, index: usize) {
        self.nodes[index].removed = true;
        let id = self.id(index);
        assert!(self.primaries().iter().all(|primary| *primary != index), "node {index} still serves slots");
        for (_, node) in self.running().filter(|(other, node)| *other != index && !node.removed) {
            match node.server.try_command(&["CLUSTER", "FORGET", id]) {
                // Newer servers tell each other.
                Err(error) if error.to_string().contains("Unknown node") => {}
                forgotten => {
                    forgotten.expect("the other nodes agree");
                }
            }
        }
        self.nodes[index].server.kill();
        self.until_ok().await;
    }
}

/// A replica that cannot take over within five seconds gives up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(6);
