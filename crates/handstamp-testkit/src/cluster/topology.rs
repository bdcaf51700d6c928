use std::ops::RangeInclusive;

use super::RedisCluster;
use super::view::ClusterView;

/// Roles and slots, as the running nodes report them.
impl RedisCluster {
    /// The slot of a key.
    #[must_use]
    pub fn slot_of(&self, key: &str) -> u16 {
        let (_, node) = self.running().next().expect("a running node");
        node.server.try_query(&["CLUSTER", "KEYSLOT", key]).expect("the slot of a key")
    }

    /// The primary of a slot. If the nodes disagree, the claim with the highest epoch wins.
    ///
    /// # Panics
    ///
    /// When no node serves the slot.
    #[must_use]
    pub fn primary_of_slot(&self, slot: u16) -> usize {
        self.owner(slot).unwrap_or_else(|| panic!("no node serves slot {slot}"))
    }

    /// The primary of a key.
    #[must_use]
    pub fn primary_of(&self, key: &str) -> usize {
        self.primary_of_slot(self.slot_of(key))
    }

    /// The running nodes that serve slots.
    #[must_use]
    pub fn primaries(&self) -> Vec<usize> {
        let seen = self.running().filter_map(|(index, node)| Some((index, node.view().ok()?)));
        let serving = seen.filter(|(_, view)| view.myself().is_some_and(|me| !me.slots.is_empty()));
        serving.map(|(index, _)| index).collect()
    }

    /// The slots of a running node, as it reports them itself.
    ///
    /// # Panics
    ///
    /// When the node does not reply.
    #[must_use]
    pub fn slots_of(&self, index: usize) -> Vec<RangeInclusive<u16>> {
        let view = self.nodes[index].view().expect("the view of a running node");
        view.myself().map(|me| me.slots.clone()).unwrap_or_default()
    }

    /// The running replicas of a node.
    #[must_use]
    pub fn replicas_of(&self, index: usize) -> Vec<usize> {
        let id = self.id(index);
        let seen = self.running().filter_map(|(index, node)| Some((index, node.view().ok()?)));
        let following =
            seen.filter(|(_, view)| view.myself().and_then(|me| me.primary.as_deref()) == Some(id));
        following.map(|(index, _)| index).collect()
    }

    pub(super) fn remember_slot(&mut self, index: usize) {
        if self.node(index).is_running() {
            self.nodes[index].served = self.a_slot_of(index);
        }
    }

    /// A slot that a node serves, or served when it was stopped.
    pub(super) fn slot_served_by(&self, index: usize) -> Option<u16> {
        self.a_slot_of(index).or(self.nodes[index].served)
    }

    fn a_slot_of(&self, index: usize) -> Option<u16> {
        let id = self.id(index);
        let views = self.views();
        let slots = views.iter().filter_map(|view| view.node(id)).flat_map(|seen| &seen.slots);
        slots.map(|range| *range.start()).find(|slot| self.owner(*slot) == Some(index))
    }

    /// The owner of each of these slots.
    pub(super) fn owners(&self, slots: RangeInclusive<u16>) -> Vec<(u16, usize)> {
        let views = self.views();
        slots.filter_map(|slot| Some((slot, self.owner_in(&views, slot)?))).collect()
    }

    pub(super) fn owner(&self, slot: u16) -> Option<usize> {
        self.owner_in(&self.views(), slot)
    }

    fn owner_in(&self, views: &[ClusterView], slot: u16) -> Option<usize> {
        let (_, id) = views.iter().filter_map(|view| view.owner(slot)).max_by_key(|(epoch, _)| *epoch)?;
        Some(self.index_of(id))
    }

    fn views(&self) -> Vec<ClusterView> {
        self.running().filter_map(|(_, node)| node.view().ok()).collect()
    }
}
