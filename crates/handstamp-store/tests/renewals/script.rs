//! The scripts that nodes have the store run, and what follows from each reply.

use crate::protocol::Protocol;
use crate::store::{DeleteOutcome, DeleteScope, Id, Record, Renewal, SaveOutcome, Slot, TombstoneOutcome};
use crate::world::World;

/// The next script of a request or a job, with what the node needs for the scripts after it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Script {
    Load(Id),
    Save {
        id: Id,
        replacing: u8,
        revision: u8,
    },
    /// After a conflict.
    Reload {
        id: Id,
        revision: u8,
    },
    Create(Record),
    /// Deletes the predecessor that the old record names, because the new record will not name it.
    ErasePredecessor {
        predecessor: Id,
        old: Id,
        replacing: u8,
        record: Record,
    },
    CreateSuccessor {
        old: Id,
        replacing: u8,
        record: Record,
    },
    Retire(Renewal),
    /// After a conflict.
    LoadOld(Renewal),
    /// Makes the changes on the old record, which has this revision now, once more.
    CatchUp(Renewal, u8),
    /// Deletes a record whose id has not been sent to the browser.
    TakeBack(Id, Failure),
    /// A logout: spares a record that names a predecessor.
    End(Id),
    EndPredecessor {
        id: Id,
        predecessor: Id,
    },
    /// The predecessor is deleted.
    EndSpared(Id),
    /// Deletes one record, whose session has moved to the id `to`, or has ended.
    Erase {
        id: Id,
        to: Option<Id>,
        then: Outcome,
    },
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Outcome {
    Saved,
    /// The session has this new id.
    Issued(Id),
    Ended,
    Failed(Failure),
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Failure {
    /// The session has moved to another id.
    Moved,
    Gone,
    /// The store did not reply.
    NoReply,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Run(Script),
    Loaded(Slot),
    Done(Outcome),
}

impl Script {
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::Load(_) | Self::Reload { .. } | Self::LoadOld(_))
    }

    /// The id that a logout is about to delete.
    pub(crate) fn ends(&self) -> Option<Id> {
        match *self {
            Self::End(id) | Self::EndPredecessor { id, .. } | Self::EndSpared(id) => Some(id),
            _ => None,
        }
    }

    /// Whether a node that got no reply runs the script once more, with a result that can differ from that of the first run.
    pub(crate) fn can_be_retried(&self) -> bool {
        matches!(self, Self::Retire(_) | Self::End(_) | Self::EndSpared(_))
    }
}

impl World {
    /// Runs the script. Returns what the node does next.
    pub(crate) fn perform(&mut self, script: Script, protocol: &Protocol) -> Next {
        match script {
            Script::Load(id) => Next::Loaded(self.store.load(id)),
            Script::Save { id, replacing, revision } => self.save(id, replacing, revision),
            Script::Reload { id, revision } => match self.store.load(id) {
                Slot::Record(record) => Next::Run(Script::Save { id, replacing: record.revision, revision }),
                Slot::Moved(..) => Next::Done(Outcome::Failed(Failure::Moved)),
                Slot::Ended(_) | Slot::Empty => Next::Done(Outcome::Failed(Failure::Gone)),
            },
            Script::Create(record) => Next::Done(Outcome::Issued(self.store.create(record, None))),
            Script::ErasePredecessor { predecessor, old, replacing, record } => {
                match self.erase(predecessor, Some(old), protocol) {
                    DeleteOutcome::Ended if protocol.renewal_stops_if_ended => {
                        Next::Done(Outcome::Failed(Failure::Gone))
                    }
                    _ => Next::Run(Script::CreateSuccessor { old, replacing, record }),
                }
            }
            Script::CreateSuccessor { old, replacing, record } => {
                let new = self.store.create(record, Some(old));
                let revision = record.revision;
                Next::Run(Script::Retire(Renewal { old, replacing, new, revision, handed_out: false }))
            }
            Script::Retire(renewal) => self.retire(renewal, protocol),
            Script::LoadOld(renewal) => match (self.store.load(renewal.old), renewal.handed_out) {
                (Slot::Record(record), _) => Next::Run(Script::CatchUp(renewal, record.revision)),
                (Slot::Moved(..), true) => Next::Run(Script::Retire(renewal)),
                (Slot::Moved(..), false) => Next::Run(Script::TakeBack(renewal.new, Failure::Moved)),
                (Slot::Ended(_) | Slot::Empty, _) => renewal.old_is_gone(),
            },
            Script::CatchUp(renewal, replacing) => self.catch_up(renewal, replacing, protocol),
            Script::TakeBack(id, failure) => {
                let _ = self.store.delete(id, None, DeleteScope::Nothing, self.in_flight(), protocol);
                Next::Done(Outcome::Failed(failure))
            }
            Script::End(id) => self.end(id, DeleteScope::Successors, protocol),
            Script::EndPredecessor { id, predecessor } => {
                self.erase(predecessor, None, protocol);
                Next::Run(Script::EndSpared(id))
            }
            Script::EndSpared(id) => self.end(id, DeleteScope::Nothing, protocol),
            Script::Erase { id, to, then } => match (self.erase(id, to, protocol), to) {
                (DeleteOutcome::Moved(successor), None) => {
                    // Not followed: the visitor may have logged in there again.
                    self.store.history.exempt.insert(successor);
                    Next::Done(then)
                }
                (DeleteOutcome::Ended, Some(to)) if protocol.late_retirement_ends_successor => {
                    Next::Run(Script::Erase { id: to, to: None, then })
                }
                _ => Next::Done(then),
            },
        }
    }

    fn save(&mut self, id: Id, replacing: u8, revision: u8) -> Next {
        let known = self.known_retired;
        let saved = |record: Record| Record {
            revision,
            predecessor: record.predecessor.filter(|_| !known.contains(id)),
            ..record
        };
        match self.store.save(id, replacing, saved) {
            SaveOutcome::Saved => Next::Done(Outcome::Saved),
            SaveOutcome::Conflict => Next::Run(Script::Reload { id, revision }),
            SaveOutcome::Moved => Next::Done(Outcome::Failed(Failure::Moved)),
            SaveOutcome::Gone => Next::Done(Outcome::Failed(Failure::Gone)),
        }
    }

    fn retire(&mut self, renewal: Renewal, protocol: &Protocol) -> Next {
        match self.store.retire(&renewal, self.in_flight(), protocol) {
            TombstoneOutcome::Replaced => {
                self.remember(renewal.old, Some(renewal.new));
                Next::Done(Outcome::Issued(renewal.new))
            }
            TombstoneOutcome::Conflict => Next::Run(Script::LoadOld(renewal)),
            // Another request has renewed the session, and the browser may have either id.
            TombstoneOutcome::Moved if renewal.handed_out => {
                self.store.history.exempt.insert(renewal.new);
                Next::Done(Outcome::Issued(renewal.new))
            }
            TombstoneOutcome::Moved => Next::Run(Script::TakeBack(renewal.new, Failure::Moved)),
            TombstoneOutcome::Gone => renewal.old_is_gone(),
        }
    }

    fn catch_up(&mut self, renewal: Renewal, replacing: u8, protocol: &Protocol) -> Next {
        let Renewal { old, new, .. } = renewal;
        let revision = CAUGHT_UP + replacing;
        match self.store.save(new, renewal.revision, |record| Record { revision, ..record }) {
            SaveOutcome::Saved => Next::Run(Script::Retire(Renewal { replacing, revision, ..renewal })),
            // The browser already uses the new id.
            SaveOutcome::Conflict | SaveOutcome::Moved => {
                Next::Run(Script::Erase { id: old, to: Some(new), then: Outcome::Issued(new) })
            }
            SaveOutcome::Gone if !renewal.handed_out && protocol.lost_successor_keeps_session => {
                Next::Done(Outcome::Failed(Failure::NoReply))
            }
            // The session was logged out of under the new id.
            SaveOutcome::Gone => {
                let then = Outcome::Failed(Failure::Gone);
                Next::Run(Script::Erase { id: old, to: None, then })
            }
        }
    }

    fn erase(&mut self, id: Id, to: Option<Id>, protocol: &Protocol) -> DeleteOutcome {
        let deleted = self.store.delete(id, to, DeleteScope::Nothing, self.in_flight(), protocol);
        self.remember(id, to);
        match (deleted, to) {
            (DeleteOutcome::Moved(successor), _) if !protocol.only_end_follows => {
                self.erase(successor, None, protocol);
            }
            (DeleteOutcome::Moved(other), Some(to)) if other != to => self.store.history.exempt.insert(to),
            _ => {}
        }
        deleted
    }

    fn end(&mut self, id: Id, spare: DeleteScope, protocol: &Protocol) -> Next {
        match self.store.delete(id, None, spare, self.in_flight(), protocol) {
            DeleteOutcome::Spared(predecessor) => Next::Run(Script::EndPredecessor { id, predecessor }),
            DeleteOutcome::Moved(successor) => {
                self.remember(id, Some(successor));
                if protocol.end_follows {
                    Next::Run(Script::End(successor))
                } else {
                    Next::Done(Outcome::Ended)
                }
            }
            DeleteOutcome::Deleted | DeleteOutcome::Ended | DeleteOutcome::Absent => {
                self.remember(id, None);
                Next::Done(Outcome::Ended)
            }
        }
    }
}

impl Renewal {
    fn old_is_gone(&self) -> Next {
        Next::Run(if self.handed_out {
            Script::End(self.new)
        } else {
            Script::TakeBack(self.new, Failure::Gone)
        })
    }
}

/// Distinguishes the revisions of records that have caught up from those that requests save.
const CAUGHT_UP: u8 = 16;
