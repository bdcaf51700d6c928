use std::ops::RangeInclusive;

use super::RedisCluster;
use super::view::View;

/// Who serves what, as the nodes that answer see it.
impl RedisCluster {
    /// The slot of a key.
    #[must_use]
    pub fn slot_of(&self, key: &str) -> u16 {
        let (_, node) = self.running().next().expect("a node that answers");
        node.server.try_query(&["CLUSTER", "KEYSLOT", key]).expect("the slot of a key")
    }

    /// The primary of a slot. Where the nodes are not of one mind, the newest claim holds.
    ///
    /// # Panics
    ///
    /// When nobody is.
    #[must_use]
    pub fn primary_of_slot(&self, slot: u16) -> usize {
        self.owner(slot).unwrap_or_else(|| panic!("nobody serves slot {slot}"))
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

    /// The slots that a running node serves, as it sees it itself.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    #[must_use]
    pub fn slots_of(&self, index: usize) -> Vec<RangeInclusive<u16>> {
        let view = self.nodes[index].view().expect("the view of a node that answers");
        view.myself().map(|me| me.slots.clone()).unwrap_or_default()
    }

    /// The running nodes that follow this one.
    #[must_use]
    pub fn replicas_of(&self, index: usize) -> Vec<usize> {
        let id = self.id(index);
        let seen = self.running().filter_map(|(index, node)| Some((index, node.view().ok()?)));
        let following =
            seen.filter(|(_, view)| view.myself().and_then(|me| me.primary.as_deref()) == Some(id));
        following.map(|(index, _)| index).collect()
    }

    pub(super) fn note_what_it_serves(&mut self, index: usize) {
        if self.node(index).is_running() {
            self.nodes[index].served = self.a_slot_of(index);
        }
    }

    /// A slot that a node serves. If it was stopped, one that it served then.
    pub(super) fn slot_served_by(&self, index: usize) -> Option<u16> {
        self.a_slot_of(index).or(self.nodes[index].served)
    }

    fn a_slot_of(&self, index: usize) -> Option<u16> {
        let id = self.id(index);
        let views = self.views();
        let slots = views.iter().filter_map(|view| view.node(id)).flat_map(|seen| &seen.slots);
        slots.map(|range| *range.start()).find(|slot| self.owner(*slot) == Some(index))
    }

    /// Who serves each of these slots.
    pub(super) fn owners(&self, slots: RangeInclusive<u16>) -> Vec<(u16, usize)> {
        let views = self.views();
        slots.filter_map(|slot| Some((slot, self.owner_in(&views, slot)?))).collect()
    }

    pub(super) fn owner(&self, slot: u16) -> Option<usize> {
        self.owner_in(&self.views(), slot)
    }

    fn owner_in(&self, views: &[View], slot: u16) -> Option<usize> {
        let (_, id) = views.iter().filter_map(|view| view.owner(slot)).max_by_key(|(epoch, _)| *epoch)?;
        Some(self.index_of(id))
    }

    fn views(&self) -> Vec<View> {
        self.running().filter_map(|(_, node)| node.view().ok()).collect()
    }
}
