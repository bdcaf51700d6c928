use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::member::Member;
use super::slots::Slots;
use crate::url::Host;

/// The primary of each slot, as far as is known.
#[derive(Debug)]
pub(crate) struct SlotMap {
    members: Vec<Arc<Member>>,
    /// For each slot, the position of its primary plus one, or zero if it is unknown.
    owners: Box<[AtomicU16]>,
}

impl SlotMap {
    pub(crate) fn new(members: impl IntoIterator<Item = (Arc<Member>, Slots)>) -> Self {
        let owners: Box<[AtomicU16]> = (0..Slots::COUNT).map(|_| AtomicU16::new(0)).collect();
        let mut map = Self { members: Vec::new(), owners };
        for (member, slots) in members {
            map.members.push(member);
            let position = u16::try_from(map.members.len()).unwrap_or(0);
            slots.iter().for_each(|slot| map.owners[usize::from(slot)].store(position, Ordering::Relaxed));
        }
        map
    }

    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    pub(crate) fn owner(&self, slot: u16) -> Option<&Arc<Member>> {
        let position = self.owners[usize::from(slot % Slots::COUNT)].load(Ordering::Relaxed);
        self.members.get(usize::from(position).checked_sub(1)?)
    }

    pub(crate) fn at(&self, host: &Host) -> Option<&Arc<Member>> {
        self.members.iter().find(|member| member.host == *host)
    }

    /// Assigns a slot to another primary, after a redirection.
    pub(crate) fn reassign(&self, slot: u16, to: &Member) {
        let position = self.members.iter().position(|member| member.shard == to.shard);
        if let Some(position) = position.and_then(|position| u16::try_from(position + 1).ok()) {
            self.owners[usize::from(slot % Slots::COUNT)].store(position, Ordering::Relaxed);
        }
    }
}
