//! The store: one slot for each id, and the operations on it, each of which is atomic.

use std::ops::Range;

use crate::history::History;
use crate::protocol::{Client, Outlives, Protocol};
use crate::set::Set;

/// Numbered in the order of creation.
pub(crate) type Id = u8;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Store {
    slots: Vec<Slot>,
    /// The slots that the last writes have replaced, which a failover restores; `None` if there is no failover to come.
    replaced: Option<Vec<(Id, Slot)>>,
    pub(crate) history: History,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Slot {
    Empty,
    Record(Record),
    Moved(Id, Tombstone),
    Ended(Tombstone),
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Record {
    pub(crate) subject: Option<Client>,
    /// Whether it contains data that was written while the visitor was logged in.
    pub(crate) private: bool,
    pub(crate) predecessor: Option<Id>,
    /// Unique among the records of this id.
    pub(crate) revision: u8,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tombstone {
    /// Whether it expires after 30 s. Otherwise it lasts as long as the session.
    brief: bool,
    /// The requests that were in flight when it was written.
    witnesses: Set,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SaveOutcome {
    Saved,
    Conflict,
    Moved,
    Gone,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeleteScope {
    Nothing,
    /// Records that name a predecessor.
    Successors,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeleteOutcome {
    Deleted,
    /// The record names this predecessor, and is unchanged.
    OutOfScope(Id),
    Moved(Id),
    Ended,
    Absent,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TombstoneOutcome {
    Replaced,
    Conflict,
    Moved,
    Gone,
}

impl Store {
    pub(crate) fn new(first: Option<Record>, fails_over: bool) -> Self {
        let slots: Vec<_> = first.map(Slot::Record).into_iter().collect();
        let history = History::new(slots.len());
        Self { slots, replaced: fails_over.then(Vec::new), history }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a run creates a handful of sessions")]
    pub(crate) fn ids(&self) -> Range<Id> {
        0..self.slots.len() as Id
    }

    pub(crate) fn load(&self, id: Id) -> Slot {
        self.slots[usize::from(id)]
    }

    pub(crate) fn record(&self, id: Id) -> Option<Record> {
        if let Slot::Record(record) = self.load(id) { Some(record) } else { None }
    }

    pub(crate) fn create(&mut self, record: Record, origin: Option<Id>) -> Id {
        let id = self.ids().end;
        self.slots.push(Slot::Empty);
        self.write(id, Slot::Record(record));
        self.history.created(id, origin);
        id
    }

    pub(crate) fn save(
        &mut self,
        id: Id,
        replacing: u8,
        saved: impl FnOnce(Record) -> Record,
    ) -> SaveOutcome {
        match self.load(id) {
            Slot::Record(record) if record.revision == replacing => {
                self.write(id, Slot::Record(saved(record)));
                SaveOutcome::Saved
            }
            Slot::Record(_) => SaveOutcome::Conflict,
            Slot::Moved(..) => SaveOutcome::Moved,
            Slot::Ended(_) | Slot::Empty => SaveOutcome::Gone,
        }
    }

    /// Replaces a record by a tombstone, which names the successor `to`.
    pub(crate) fn delete(
        &mut self,
        id: Id,
        to: Option<Id>,
        spare: DeleteScope,
        witnesses: Set,
        protocol: &Protocol,
    ) -> DeleteOutcome {
        match self.load(id) {
            Slot::Empty => DeleteOutcome::Absent,
            Slot::Ended(_) => DeleteOutcome::Ended,
            Slot::Moved(successor, _) => DeleteOutcome::Moved(successor),
            Slot::Record(Record { predecessor: Some(predecessor), .. })
                if spare == DeleteScope::Successors =>
            {
                DeleteOutcome::OutOfScope(predecessor)
            }
            Slot::Record(_) => {
                self.replace_by_tombstone(id, to, Tombstone { brief: true, witnesses }, protocol);
                DeleteOutcome::Deleted
            }
        }
    }

    /// Replaces the record of `id` by a tombstone, if it has the revision `replacing`.
    pub(crate) fn replace_with_tombstone(
        &mut self,
        id: Id,
        replacing: u8,
        successor: Id,
        witnesses: Set,
        protocol: &Protocol,
    ) -> TombstoneOutcome {
        match self.load(id) {
            Slot::Moved(to, _) if to == successor => TombstoneOutcome::Replaced,
            Slot::Moved(..) => TombstoneOutcome::Moved,
            Slot::Empty | Slot::Ended(_) => TombstoneOutcome::Gone,
            Slot::Record(record) if record.revision != replacing => TombstoneOutcome::Conflict,
            Slot::Record(_) => {
                let brief = protocol.tombstone_outlives != Outlives::ItsOwnReplacement;
                let tombstone = Tombstone { brief, witnesses };
                self.replace_by_tombstone(id, Some(successor), tombstone, protocol);
                TombstoneOutcome::Replaced
            }
        }
    }

    /// Has the tombstone of a renewal expire after 30 s from now on. Returns whether it is there.
    pub(crate) fn confirm_tombstone(&mut self, id: Id, successor: Id) -> bool {
        match &mut self.slots[usize::from(id)] {
            Slot::Moved(to, tombstone) if *to == successor => {
                tombstone.brief = true;
                true
            }
            _ => false,
        }
    }

    /// The requests that were in flight when the tombstone was written; `None` if there is none that expires after 30 s.
    pub(crate) fn witnesses_of_brief(&self, id: Id) -> Option<Set> {
        match self.load(id) {
            Slot::Moved(_, tombstone) | Slot::Ended(tombstone) => {
                tombstone.brief.then_some(tombstone.witnesses)
            }
            Slot::Empty | Slot::Record(_) => None,
        }
    }

    /// Removes a tombstone. The writes to this id are then too old for a failover to undo.
    pub(crate) fn expire(&mut self, id: Id) {
        self.slots[usize::from(id)] = Slot::Empty;
        if let Some(replaced) = &mut self.replaced {
            let old = replaced.iter().rposition(|(other, _)| *other == id).map_or(0, |last| last + 1);
            replaced.drain(..old);
        }
    }

    /// How many of the last writes a failover may lose; `None` if there is no failover to come.
    pub(crate) fn losable(&self) -> Option<usize> {
        self.replaced.as_ref().map(Vec::len)
    }

    /// A replica without the last `count` writes becomes the primary.
    pub(crate) fn fail_over(&mut self, count: usize) {
        let replaced = self.replaced.take().unwrap_or_default();
        for (id, before) in replaced.into_iter().rev().take(count) {
            match (before, self.load(id)) {
                (Slot::Empty, _) => self.history.lost.insert(id),
                (_, Slot::Record(_)) => {}
                (_, Slot::Moved(to, _)) => self.history.revived(id, Some(to)),
                (_, Slot::Ended(_) | Slot::Empty) => self.history.revived(id, None),
            }
            self.slots[usize::from(id)] = before;
        }
    }

    /// Request `n` is no longer in flight.
    pub(crate) fn forget_witness(&mut self, n: u8) {
        let replaced = self.replaced.iter_mut().flatten().map(|(_, slot)| slot);
        for slot in self.slots.iter_mut().chain(replaced) {
            if let Slot::Moved(_, tombstone) | Slot::Ended(tombstone) = slot {
                tombstone.witnesses.remove(n);
            }
        }
    }

    fn replace_by_tombstone(&mut self, id: Id, to: Option<Id>, tombstone: Tombstone, protocol: &Protocol) {
        let slot = match to {
            Some(to) if protocol.renewals_leave_tombstones => Slot::Moved(to, tombstone),
            None if protocol.deletes_leave_tombstones => Slot::Ended(tombstone),
            _ => Slot::Empty,
        };
        self.write(id, slot);
        match to {
            Some(to) => self.history.moved(id, to),
            None => self.history.ended(id),
        }
    }

    fn write(&mut self, id: Id, slot: Slot) {
        let before = std::mem::replace(&mut self.slots[usize::from(id)], slot);
        if let Some(replaced) = &mut self.replaced {
            replaced.push((id, before));
            if replaced.len() > MAX_LOST {
                replaced.remove(0);
            }
        }
    }
}

/// The number of writes that a failover loses at most.
const MAX_LOST: usize = 2;
