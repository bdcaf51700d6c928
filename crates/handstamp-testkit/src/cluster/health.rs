use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tokio::time::Instant;

use super::RedisCluster;
use super::form::SLOTS;
use super::node::Node;
use super::view::View;
use crate::replication::{self, Replication};
use crate::{PATIENCE, eventually};

/// What takes time, and is waited for.
impl RedisCluster {
    /// Waits until the nodes that answer are of one mind, serve all slots between them, and those that are replicas
    /// follow their primaries and have all that these have.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_ok(&self) {
        eventually("the cluster is well", PATIENCE, async || self.check()).await;
        self.until_replicated().await;
    }

    /// Waits until the running replicas have every write that their primaries had made when this was called, so that a
    /// failure of a primary loses later writes only. Returns the time of the call.
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

    /// Waits until another node serves what this one served when it was stopped, and everybody knows. Returns which.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`], or it served nothing.
    pub async fn until_taken_over(&self, old: usize) -> usize {
        let slot = self.slot_served_by(old).unwrap_or_else(|| panic!("node {old} served no slot"));
        self.until_served(slot..=slot, |index| index != old).await
    }

    /// Waits until every node knows that these slots are served by such a node. Returns which.
    pub(super) async fn until_served(&self, slots: RangeInclusive<u16>, by: impl Fn(usize) -> bool) -> usize {
        let what = format!("slots {slots:?} are served by another node");
        eventually(&what, PATIENCE, async || self.check_owner(&slots, &by)).await
    }

    /// Makes every node know every other.
    pub(super) async fn introduce(&self) {
        eventually("the nodes know each other", PATIENCE, async || {
            // Each node meets each other node, which is faster than gossip.
            for (_, node) in self.running() {
                let view = node.view().map_err(|error| error.to_string())?;
                for other in self.members().filter(|other| view.node(&other.id).is_none()) {
                    node.meet(other).map_err(|error| error.to_string())?;
                }
            }
            self.running().try_for_each(|(_, node)| self.check_acquaintances(node).map(|_| ()))
        })
        .await;
    }

    pub(super) fn check_owner(
        &self,
        slots: &RangeInclusive<u16>,
        by: &impl Fn(usize) -> bool,
    ) -> Result<usize, String> {
        let first = *slots.start();
        let index = self.owner(first).ok_or_else(|| format!("nobody serves slot {first}"))?;
        if !by(index) || !self.node(index).is_running() {
            return Err(format!("node {index} serves the first"));
        }
        for (other, node) in self.running() {
            let view = node.view().map_err(|error| error.to_string())?;
            if !view.is_served_by(slots, self.id(index)) {
                return Err(format!("for node {other}, node {index} does not serve all"));
            }
        }
        Ok(index)
    }

    fn check(&self) -> Result<(), String> {
        let mut first: Option<Layout> = None;
        for (index, node) in self.running() {
            let info = node.info(&["CLUSTER", "INFO"]).map_err(|error| error.to_string())?;
            if !info.contains("cluster_state:ok") {
                return Err(format!("for node {index}, the cluster is not ok"));
            }
            let layout = self.layout(&self.check_acquaintances(node)?);
            let served: usize =
                layout.values().flat_map(|(_, slots)| slots).map(ExactSizeIterator::len).sum();
            if served != SLOTS {
                return Err(format!("for node {index}, {served} slots are served"));
            }
            if *first.get_or_insert_with(|| layout.clone()) != layout {
                return Err(format!("for node {index}, the layout is another: {first:?}, {layout:?}"));
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
            return Err(format!("node {index} does not follow its primary yet"));
        }
        if !Replication::of(self.node(primary))?.feeds(self.node(index).port()) {
            return Err(format!("node {index} is not fed by its primary yet"));
        }
        Ok(())
    }

    /// What the node knows, if it knows all that are there, and thinks well of those that run.
    fn check_acquaintances(&self, node: &Node) -> Result<View, String> {
        let view = node.view().map_err(|error| error.to_string())?;
        for other in self.members() {
            let index = self.index_of(&other.id);
            match view.node(&other.id) {
                None => return Err(format!("node {index} is not known to all")),
                Some(seen) if other.server.is_running() && !seen.is_well() => {
                    return Err(format!("node {index} is not well for all: {seen:?}"));
                }
                Some(_) => {}
            }
        }
        Ok(view)
    }

    /// Of the nodes that run: whom they replicate, or what they serve.
    fn layout(&self, view: &View) -> Layout {
        let seen = self.running().filter_map(|(index, node)| Some((index, view.node(&node.id)?)));
        seen.map(|(index, seen)| (index, (seen.primary.clone(), seen.slots.clone()))).collect()
    }
}

type Layout = BTreeMap<usize, (Option<String>, Vec<RangeInclusive<u16>>)>;
