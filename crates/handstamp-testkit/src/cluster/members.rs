use std::time::Duration;

use tokio::time::Instant;

use super::RedisCluster;
use super::node::Node;
use crate::{PATIENCE, eventually};

/// Nodes that join, leave, and change their roles.
impl RedisCluster {
    /// A manual failover: a replica takes over from its running primary. Returns the new primary.
    ///
    /// # Panics
    ///
    /// When the node has no running replica, or the failover takes longer than [`PATIENCE`].
    pub async fn fail_over(&self, index: usize) -> usize {
        let slot = self.slot_served_by(index).unwrap_or_else(|| panic!("node {index} serves no slot"));
        let replicas = self.replicas_of(index);
        let new = *replicas.first().unwrap_or_else(|| panic!("node {index} has no running replica"));
        let mut started: Option<Instant> = None;
        eventually("the manual failover completes", PATIENCE, async || {
            self.check_owner(&(slot..=slot), &|index| index == new).or_else(|not_yet| {
                if started.is_none_or(|started| started.elapsed() > GIVEN_UP_AFTER) {
                    self.try_command(new, &["CLUSTER", "FAILOVER"]).map_err(|error| error.to_string())?;
                    started = Some(Instant::now());
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
        self.meet_all().await;
        self.until_ok().await;
        self.nodes.len() - 1
    }

    /// Removes a node from the cluster and kills it. It must serve no slots and have no replicas.
    ///
    /// # Panics
    ///
    /// When another node rejects the removal.
    pub async fn remove(&mut self, index: usize) {
        self.nodes[index].removed = true;
        let id = self.id(index);
        assert!(self.primaries().iter().all(|primary| *primary != index), "node {index} still serves slots");
        for (_, node) in self.running().filter(|(other, node)| *other != index && !node.removed) {
            match node.server.try_command(&["CLUSTER", "FORGET", id]) {
                // Newer servers propagate the removal themselves.
                Err(error) if error.to_string().contains("Unknown node") => {}
                forgotten => {
                    forgotten.expect("the other nodes forget the node");
                }
            }
        }
        self.nodes[index].server.kill();
        self.until_ok().await;
    }
}

/// A replica gives up a failover after five seconds.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(6);
