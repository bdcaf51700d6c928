use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tokio::time::Instant;

use super::RedisCluster;
use super::form::SLOTS;
use super::node::Node;
use super::view::ClusterView;
use crate::replication::{self, Replication};
use crate::{PATIENCE, eventually};

/// Waiting for the cluster to reach a state.
impl RedisCluster {
    /// Waits until the running nodes agree on the layout and serve all slots, and the replicas have every write of their
    /// primaries.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_ok(&self) {
        eventually("the cluster is healthy", PATIENCE, async || self.check()).await;
        self.until_replicated().await;
    }

    /// Waits until the running replicas have every write that their primaries had executed at the time of the call, so that a
    /// failure of a primary loses only later writes. Returns the time of the call.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_replicated(&self) -> Instant {
        let replicas =
            |primary| self.replicas_of(primary).into_iter().map(|index| self.node(index)).collect();
        let groups = self.primaries().into_iter().map(|primary| (self.node(primary), replicas(primary)));
        replication::until_replicated(&groups.collect::<Vec<_>>()).await
    }

    /// Waits until another node serves the slots that node `old` served when it was stopped, and all nodes agree. Returns its
    /// index.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`], or the node served no slot.
    pub async fn until_taken_over(&self, old: usize) -> usize {
        let slot = self.slot_served_by(old).unwrap_or_else(|| panic!("node {old} served no slot"));
        self.until_served(slot..=slot, |index| index != old).await
    }

    /// Waits until all nodes agree that a node accepted by `by` serves these slots. Returns its index.
    pub(super) async fn until_served(&self, slots: RangeInclusive<u16>, by: impl Fn(usize) -> bool) -> usize {
        let what = format!("slots {slots:?} are served by another node");
        eventually(&what, PATIENCE, async || self.check_owner(&slots, &by)).await
    }

    /// Makes every node known to every other.
    pub(super) async fn meet_all(&self) {
        eventually("the nodes know each other", PATIENCE, async || {
            // Explicit meetings of all pairs are faster than gossip.
            for (_, node) in self.running() {
                let view = node.view().map_err(|error| error.to_string())?;
                for other in self.members().filter(|other| view.node(&other.id).is_none()) {
                    node.meet(other).map_err(|error| error.to_string())?;
                }
            }
            self.running().try_for_each(|(_, node)| self.check_known_nodes(node).map(|_| ()))
        })
        .await;
    }

    pub(super) fn check_owner(
        &self,
        slots: &RangeInclusive<u16>,
        by: &impl Fn(usize) -> bool,
    ) -> Result<usize, String> {
        let first = *slots.start();
        let index = self.owner(first).ok_or_else(|| format!("no node serves slot {first}"))?;
        if !by(index) || !self.node(index).is_running() {
            return Err(format!("node {index} still serves slot {first}"));
        }
        for (other, node) in self.running() {
            let view = node.view().map_err(|error| error.to_string())?;
            if !view.is_served_by(slots, self.id(index)) {
                return Err(format!("according to node {other}, node {index} does not serve all of them"));
            }
        }
        Ok(index)
    }

    fn check(&self) -> Result<(), String> {
        let mut first: Option<Layout> = None;
        for (index, node) in self.running() {
            let info = node.info(&["CLUSTER", "INFO"]).map_err(|error| error.to_string())?;
            if !info.contains("cluster_state:ok") {
                return Err(format!("according to node {index}, the cluster is not ok"));
            }
            let layout = self.layout(&self.check_known_nodes(node)?);
            let served: usize =
                layout.values().flat_map(|(_, slots)| slots).map(ExactSizeIterator::len).sum();
            if served != SLOTS {
                return Err(format!("according to node {index}, only {served} slots are served"));
            }
            if *first.get_or_insert_with(|| layout.clone()) != layout {
                return Err(format!("node {index} reports a different layout: {first:?}, {layout:?}"));
            }
        }
        for (index, (primary, _)) in first.ok_or("no node runs")? {
            if let Some(primary) = primary {
                self.check_replica(index, self.index_of(&primary))?;
            }
        }
        Ok(())
    }

    fn check_replica(&self, index: usize, primary: usize) -> Result<(), String> {
        if !Replication::of(self.node(index))?.is_linked() {
            return Err(format!("node {index} is not connected to its primary yet"));
        }
        if !Replication::of(self.node(primary))?.feeds(self.node(index).port()) {
            return Err(format!("node {index} does not receive the writes of its primary yet"));
        }
        Ok(())
    }

    /// The view of a node, if it knows all members, and reports the running ones as healthy.
    fn check_known_nodes(&self, node: &Node) -> Result<ClusterView, String> {
        let view = node.view().map_err(|error| error.to_string())?;
        for other in self.members() {
            let index = self.index_of(&other.id);
            match view.node(&other.id) {
                None => return Err(format!("node {index} is not known to all nodes yet")),
                Some(seen) if other.server.is_running() && !seen.is_healthy() => {
                    return Err(format!("node {index} is not healthy for all nodes: {seen:?}"));
                }
                Some(_) => {}
            }
        }
        Ok(view)
    }

    /// The primary and the slots of each running node.
    fn layout(&self, view: &ClusterView) -> Layout {
        let seen = self.running().filter_map(|(index, node)| Some((index, view.node(&node.id)?)));
        seen.map(|(index, seen)| (index, (seen.primary.clone(), seen.slots.clone()))).collect()
    }
}

type Layout = BTreeMap<usize, (Option<String>, Vec<RangeInclusive<u16>>)>;
