//! What nodes have the store do, and what follows from each reply: the machines of [`handstamp_core::protocol`] decide.

use handstamp_core::protocol::group_commit::{self, Completion, GroupCommit};
use handstamp_core::protocol::logout::{self, Deleted, EndError, Ended, Found, Logout, erase_next};

use crate::protocol::Protocol;
use crate::renewal::Renewing;
use crate::store::{DeleteOutcome, DeleteScope, Id, Record, SaveOutcome, Slot, Store};
use crate::world::{Job, World};

/// The next step of a request or a job at the store, with what the node needs for the steps after it.
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
    /// Deletes a record whose id has not been sent to the browser.
    UndoCreate(Id),
    Renew(Renewing),
    /// A logout: spares a record that names a predecessor.
    End(Logout<Id, NoReply>),
    /// A logout of a session whose record names a predecessor: two steps, in any order.
    EndBoth(EndBoth),
    /// Deletes one record, whose session has moved to the id `to`, or has ended.
    Erase {
        id: Id,
        to: Option<Id>,
        then: Outcome,
    },
}

/// The node gives up, and does not know whether the step was done.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct NoReply;

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct EndBoth {
    logout: Logout<Id, NoReply>,
    pub(crate) predecessor: Id,
    erased: Option<Result<(), NoReply>>,
    deleted: Option<Result<Deleted<Id>, NoReply>>,
    /// Whether a failover can still undo the delete when its reply arrives.
    before_failover: bool,
}

/// Which step, if two are taken in any order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Part {
    /// The record of the session, or the only step.
    Record,
    /// The other record.
    Other,
}

/// What happens to a step and its reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Received,
    /// The step was done, and the reply is lost.
    Lost,
    /// The step was not done.
    NotRun,
    /// The step was not done, and the node knows.
    Rejected,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Outcome {
    Saved,
    /// The session has this new id.
    Issued(Id),
    Ended,
    /// The store has not confirmed the end of the session under this id.
    EndUnknown(Id),
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
    Loaded(Id, Slot),
    /// It is unknown whether the old record was replaced: this goes on in the background.
    Unknown(Renewing),
    Done(Outcome),
}

impl EndBoth {
    /// Whether the record of the predecessor is about to be deleted.
    pub(crate) fn is_erasing(&self, id: Id) -> bool {
        self.predecessor == id && self.erased.is_none()
    }
}

impl Script {
    pub(crate) fn end(id: Id) -> Self {
        match Logout::begin(id, None) {
            logout::Step::Delete(logout) => Self::End(logout),
            logout::Step::Done(_) => unreachable!("a logout begins with a delete"),
        }
    }

    /// The steps that can be taken now.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let parts = |record: bool, other: bool| {
            let record = (!record).then_some(Part::Record);
            record.into_iter().chain((!other).then_some(Part::Other)).collect()
        };
        match self {
            Self::EndBoth(both) => parts(both.deleted.is_some(), both.erased.is_some()),
            Self::Renew(renewing) => renewing.parts(),
            _ => vec![Part::Record],
        }
    }

    pub(crate) fn writes(&self, part: Part) -> bool {
        match self {
            Self::Load(_) | Self::Reload { .. } => false,
            Self::Renew(renewing) => renewing.writes(part),
            _ => true,
        }
    }

    /// Whether the node goes on in another way when the store has rejected the step than when it has not replied.
    pub(crate) fn can_be_rejected(&self, part: Part) -> bool {
        matches!(self, Self::Renew(renewing) if renewing.can_be_rejected(part))
    }

    /// The id that a logout is about to delete.
    pub(crate) fn ends(&self) -> Option<Id> {
        match self {
            Self::End(logout) | Self::EndBoth(EndBoth { logout, .. }) => Some(logout.key()),
            _ => None,
        }
    }

    /// Whether a node that got no reply takes the step once more, with a result that can differ from that of the first time.
    pub(crate) fn can_be_retried(&self, part: Part) -> bool {
        match self {
            Self::End(_) => true,
            Self::EndBoth(_) => part == Part::Record,
            Self::Renew(renewing) => renewing.replaces_old(),
            _ => false,
        }
    }
}

impl World {
    /// Takes a step. Returns what the node does next.
    pub(crate) fn perform(&mut self, script: Script, part: Part, reply: Reply, protocol: &Protocol) -> Next {
        match script {
            Script::Load(id) => match self.call(reply, |store| store.load(id)) {
                Ok(slot) => Next::Loaded(id, slot),
                Err(NoReply) => Next::Done(Outcome::Failed(Failure::NoReply)),
            },
            Script::Save { id, replacing, revision } => self.save(id, replacing, revision, reply),
            Script::Reload { id, revision } => self.reload(id, revision, reply),
            Script::Create(record) => {
                let id = self.store.ids().end;
                match self.call(reply, |store| store.create(record, None)) {
                    Ok(id) => Next::Done(Outcome::Issued(id)),
                    Err(NoReply) if reply == Reply::Lost => Next::Run(Script::UndoCreate(id)),
                    Err(NoReply) => Next::Done(Outcome::Failed(Failure::NoReply)),
                }
            }
            Script::UndoCreate(id) => {
                let _ = self.delete(id, None, DeleteScope::Nothing, reply, protocol);
                Next::Done(Outcome::Failed(Failure::NoReply))
            }
            Script::Renew(renewing) => self.renew(renewing, part, reply, protocol),
            Script::End(logout) => {
                let deleted = self.delete(logout.key(), None, DeleteScope::Successors, reply, protocol);
                match logout.deleted(deleted.map(Deleted::from)) {
                    Found::Ended(ended) => self.ended(logout, ended, protocol),
                    Found::Predecessor(Some(predecessor)) => {
                        let (erased, deleted, before_failover) = (None, None, false);
                        let both = EndBoth { logout, predecessor, erased, deleted, before_failover };
                        Next::Run(Script::EndBoth(both))
                    }
                    Found::Predecessor(None) => unreachable!("all records can be read"),
                }
            }
            Script::EndBoth(both) => self.end_both(both, part, reply, protocol),
            Script::Erase { id, to, then } => match self.erase(id, to, reply, protocol) {
                Ok(DeleteOutcome::Moved(successor)) if to.is_none() => {
                    // Not followed: the visitor may have logged in there again.
                    self.store.history.exempt.insert(successor);
                    Next::Done(then)
                }
                Ok(deleted) => end_successor(deleted, to, then, protocol),
                Err(NoReply) => Next::Done(then),
            },
        }
    }

    /// The store after a step whose reply is lost.
    pub(crate) fn store_after(&self, script: Script, part: Part, protocol: &Protocol) -> Store {
        let mut world = self.clone();
        world.perform(script, part, Reply::Lost, protocol);
        world.store
    }

    /// Has the store do this, unless it is not done.
    pub(crate) fn call<R>(
        &mut self,
        reply: Reply,
        operation: impl FnOnce(&mut Store) -> R,
    ) -> Result<R, NoReply> {
        match reply {
            Reply::Received => Ok(operation(&mut self.store)),
            Reply::Lost => {
                operation(&mut self.store);
                Err(NoReply)
            }
            Reply::NotRun | Reply::Rejected => Err(NoReply),
        }
    }

    /// The save of a request that is alone in its group.
    fn save(&mut self, id: Id, replacing: u8, revision: u8, reply: Reply) -> Next {
        let known = self.known_replaced;
        let saved = |record: Record| Record {
            revision,
            predecessor: record.predecessor.filter(|_| !known.contains(id)),
            ..record
        };
        let outcome = match self.call(reply, |store| store.save(id, replacing, saved)) {
            Ok(SaveOutcome::Saved) => group_commit::Saved::Saved,
            Ok(SaveOutcome::Conflict) => group_commit::Saved::Conflict,
            Ok(SaveOutcome::Moved) => group_commit::Saved::Failed(Failure::Moved),
            Ok(SaveOutcome::Gone) => group_commit::Saved::Failed(Failure::Gone),
            Err(NoReply) => group_commit::Saved::Failed(Failure::NoReply),
        };
        saved_alone(&one_save().saved(outcome), id, revision, replacing)
    }

    fn reload(&mut self, id: Id, revision: u8, reply: Reply) -> Next {
        let (reloaded, replacing) = match self.call(reply, |store| store.load(id)) {
            Ok(Slot::Record(record)) => (Ok(()), record.revision),
            Ok(Slot::Moved(..)) => (Err(Failure::Moved), 0),
            Ok(Slot::Ended(_) | Slot::Empty) => (Err(Failure::Gone), 0),
            Err(NoReply) => (Err(Failure::NoReply), 0),
        };
        saved_alone(&one_save().reloaded(reloaded), id, revision, replacing)
    }

    fn end_both(&mut self, mut both: EndBoth, part: Part, reply: Reply, protocol: &Protocol) -> Next {
        let EndBoth { logout, predecessor, .. } = both;
        match part {
            Part::Record => {
                let deleted = self.delete(logout.key(), None, DeleteScope::Nothing, reply, protocol);
                both.deleted = Some(deleted.map(Deleted::from));
                both.before_failover = self.store.losable().is_some();
            }
            Part::Other => {
                let erased = self.erase(predecessor, None, reply, protocol);
                both.erased = Some(erased.map(drop));
            }
        }
        match (both.erased, both.deleted) {
            (Some(erased), Some(deleted)) => {
                let ended = logout.both_deleted(erased, deleted);
                if both.before_failover && self.store.losable().is_none() && protocol.late_outcome_is_repeated
                {
                    // The outcome does not concern the server that is there now.
                    self.repeat_delete(logout.key(), None, protocol);
                }
                self.ended(logout, ended, protocol)
            }
            _ => Next::Run(Script::EndBoth(both)),
        }
    }

    /// Remembers how a logout has ended under one id.
    fn ended(&mut self, logout: Logout<Id, NoReply>, ended: Ended<Id, NoReply>, protocol: &Protocol) -> Next {
        let id = logout.key();
        match ended {
            Ended::Yes(_) => self.remember(id, None),
            Ended::Moved(successor) => self.remember(id, Some(successor)),
            Ended::Unconfirmed(NoReply) => {}
        }
        match logout.next(ended, |_| None) {
            logout::Step::Delete(next) if protocol.end_follows => Next::Run(Script::End(next)),
            logout::Step::Delete(_) | logout::Step::Done(Ok(_)) => Next::Done(Outcome::Ended),
            logout::Step::Done(Err(EndError::Store(NoReply))) => Next::Done(Outcome::EndUnknown(id)),
            logout::Step::Done(Err(EndError::MovedTooOften)) => unreachable!("there are few renewals"),
        }
    }

    /// Deletes one record, and does not follow tombstones. A delete without a reply is repeated.
    pub(crate) fn erase(
        &mut self,
        id: Id,
        to: Option<Id>,
        reply: Reply,
        protocol: &Protocol,
    ) -> Result<DeleteOutcome, NoReply> {
        let erased = self.delete(id, to, DeleteScope::Nothing, reply, protocol);
        let Ok(deleted) = erased else {
            self.add_job(Job::erase(id, to));
            return erased;
        };
        self.remember(id, to);
        match (deleted, to) {
            (DeleteOutcome::Moved(successor), _) if !protocol.only_end_follows => {
                let _ = self.erase(successor, None, Reply::Received, protocol);
            }
            (DeleteOutcome::Moved(other), Some(to)) if other != to => self.store.history.exempt.insert(to),
            _ => {}
        }
        erased
    }

    fn delete(
        &mut self,
        id: Id,
        to: Option<Id>,
        spare: DeleteScope,
        reply: Reply,
        protocol: &Protocol,
    ) -> Result<DeleteOutcome, NoReply> {
        let witnesses = self.in_flight();
        self.call(reply, |store| store.delete(id, to, spare, witnesses, protocol))
    }
}

/// Passes on a logout that has found the session under the id that it had before.
pub(crate) fn end_successor(
    deleted: DeleteOutcome,
    to: Option<Id>,
    then: Outcome,
    protocol: &Protocol,
) -> Next {
    let had_ended = deleted == DeleteOutcome::Ended && protocol.late_replacement_ends_successor;
    match erase_next(had_ended, to) {
        Some(successor) => Next::Run(Script::Erase { id: successor, to: None, then }),
        None => Next::Done(then),
    }
}

/// The group of a request that saves alone.
fn one_save() -> GroupCommit<()> {
    match GroupCommit::begin::<NoReply>(vec![()]) {
        group_commit::Step::ChooseBase(group) => group,
        step => unreachable!("{step:?}"),
    }
}

fn saved_alone(step: &group_commit::Step<(), Failure>, id: Id, revision: u8, replacing: u8) -> Next {
    match step {
        group_commit::Step::Save(_) => Next::Run(Script::Save { id, replacing, revision }),
        group_commit::Step::Reload(_) => Next::Run(Script::Reload { id, revision }),
        group_commit::Step::Complete(_, Completion::Saved, _) => Next::Done(Outcome::Saved),
        group_commit::Step::Complete(_, Completion::Failed(failure), _) => {
            Next::Done(Outcome::Failed(*failure))
        }
        group_commit::Step::ChooseBase(_) | group_commit::Step::Done => unreachable!("{step:?}"),
    }
}

impl From<DeleteOutcome> for Deleted<Id> {
    fn from(deleted: DeleteOutcome) -> Self {
        match deleted {
            DeleteOutcome::Deleted => Self::Deleted,
            DeleteOutcome::OutOfScope(predecessor) => Self::OutOfScope(Some(predecessor)),
            DeleteOutcome::Moved(successor) => Self::Moved(successor),
            DeleteOutcome::Ended => Self::HadEnded,
            DeleteOutcome::Absent => Self::Absent,
        }
    }
}
