//! Renewals: the machine of [`handstamp_core::protocol::renewal`] on the store of the model.

use handstamp_core::protocol::renewal::{
    self, CaughtUp, Cause, Created, First, FollowUp, Renewal, Replaced, Step,
};

use crate::protocol::Protocol;
use crate::script::{Failure, Next, NoReply, Outcome, Part, Reply, Script, end_successor};
use crate::store::{DeleteOutcome, DeleteScope, Id, Record, SaveOutcome, Slot, TombstoneOutcome};
use crate::world::World;

/// A renewal, and what its node needs for the next step.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Renewing {
    pub(crate) old: Id,
    /// The new record, in the state of its last save.
    record: Record,
    /// The id of the new record, if it was created.
    new: Option<Id>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Stage {
    ErasePredecessor(Renewal<u8>, Id),
    /// Two steps, in any order.
    Create {
        renewal: Renewal<u8>,
        created: Option<Created<NoReply>>,
        loaded: Option<Result<u8, Cause<NoReply>>>,
    },
    Step(Step<u8, NoReply>),
}

impl Renewing {
    pub(crate) fn begin(old: Id, base: Record, record: Record, protocol: &Protocol) -> Self {
        let predecessor = base.predecessor.filter(|_| protocol.renewal_erases_predecessor);
        let stage = match Renewal::begin(base.revision, predecessor) {
            First::ErasePredecessor(renewal, predecessor) => Stage::ErasePredecessor(renewal, predecessor),
            First::Create(renewal) => Stage::create(renewal),
        };
        Self { old, record, new: None, stage }
    }

    /// The new id. Only for a renewal that has created its record.
    pub(crate) fn new_id(&self) -> Id {
        self.new.unwrap_or_else(|| unreachable!("the new record was created"))
    }

    /// The browser has the new id, and the node tries again.
    pub(crate) fn retried(self) -> Self {
        match self.stage {
            Stage::Step(Step::Done(renewal::Outcome::Unknown(renewal, _))) => self.at(renewal.retry()),
            stage => unreachable!("{stage:?} is not unknown"),
        }
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        match self.stage {
            Stage::Create { created, loaded, .. } => {
                let create = created.is_none().then_some(Part::Other);
                create.into_iter().chain(loaded.is_none().then_some(Part::Record)).collect()
            }
            Stage::ErasePredecessor(..) | Stage::Step(_) => vec![Part::Record],
        }
    }

    pub(crate) fn writes(&self, part: Part) -> bool {
        match self.stage {
            Stage::Create { .. } => part == Part::Other,
            Stage::Step(step) => !matches!(step, Step::Reload(_)),
            Stage::ErasePredecessor(..) => true,
        }
    }

    pub(crate) fn replaces_old(&self) -> bool {
        matches!(self.stage, Stage::Step(Step::ReplaceOld(_)))
    }

    pub(crate) fn can_be_rejected(&self, part: Part) -> bool {
        self.replaces_old() || (matches!(self.stage, Stage::Create { .. }) && part == Part::Other)
    }

    pub(crate) fn catches_up(&self) -> bool {
        matches!(self.stage, Stage::Step(Step::CatchUp(..)))
    }

    /// Whether another request has moved the session.
    pub(crate) fn has_lost_race(&self) -> bool {
        matches!(self.stage, Stage::Step(Step::UndoCreate(Cause::Moved)))
    }

    /// Whether its node may give it up.
    pub(crate) fn can_be_given_up(&self) -> bool {
        matches!(self.stage, Stage::Step(Step::ReplaceOld(_) | Step::Reload(_) | Step::CatchUp(..)))
    }

    fn at(self, step: Step<u8, NoReply>) -> Self {
        Self { stage: Stage::Step(step), ..self }
    }
}

impl Stage {
    fn create(renewal: Renewal<u8>) -> Self {
        Self::Create { renewal, created: None, loaded: None }
    }
}

impl World {
    pub(crate) fn renew(
        &mut self,
        renewing: Renewing,
        part: Part,
        reply: Reply,
        protocol: &Protocol,
    ) -> Next {
        match renewing.stage {
            Stage::ErasePredecessor(renewal, predecessor) => {
                self.erase_predecessor(renewing, renewal, predecessor, reply, protocol)
            }
            Stage::Create { .. } => self.create_successor(renewing, part, reply, protocol),
            Stage::Step(step) => self.take_step(renewing, step, reply, protocol),
        }
    }

    pub(crate) fn give_up_renewal(&mut self, renewing: Renewing, protocol: &Protocol) -> Next {
        self.continue_with(renewing.at(Renewal::<u8>::give_up()), protocol)
    }

    fn erase_predecessor(
        &mut self,
        renewing: Renewing,
        renewal: Renewal<u8>,
        predecessor: Id,
        reply: Reply,
        protocol: &Protocol,
    ) -> Next {
        let erased = self.erase(predecessor, Some(renewing.old), reply, protocol);
        let had_ended = erased.map(|erased| erased == DeleteOutcome::Ended);
        let seen = if protocol.renewal_stops_if_ended { had_ended } else { had_ended.map(|_| false) };
        match renewal.predecessor_erased(seen) {
            Ok(renewal) => Next::Run(Script::Renew(Renewing { stage: Stage::create(renewal), ..renewing })),
            Err(cause) => {
                let then = Outcome::Failed(cause.into());
                erased.map_or(Next::Done(then), |erased| {
                    end_successor(erased, Some(renewing.old), then, protocol)
                })
            }
        }
    }

    /// The new record is created while the old one is loaded.
    fn create_successor(
        &mut self,
        mut renewing: Renewing,
        part: Part,
        reply: Reply,
        protocol: &Protocol,
    ) -> Next {
        let Renewing { old, record, stage: Stage::Create { renewal, mut created, mut loaded }, .. } =
            renewing
        else {
            unreachable!("{renewing:?}")
        };
        match part {
            Part::Record => loaded = Some(self.load_old(old, reply)),
            Part::Other => {
                let new = self.store.ids().end;
                created = Some(match self.call(reply, |store| store.create(record, Some(old))) {
                    Ok(_) => Created::Created,
                    Err(NoReply) if reply == Reply::Rejected => Created::NotCreated(NoReply),
                    Err(NoReply) => Created::Unknown(NoReply),
                });
                renewing.new = matches!(reply, Reply::Received | Reply::Lost).then_some(new);
            }
        }
        match (created, loaded) {
            (Some(created), Some(loaded)) => {
                self.continue_with(renewing.at(renewal.created(created, loaded)), protocol)
            }
            _ => {
                let stage = Stage::Create { renewal, created, loaded };
                Next::Run(Script::Renew(Renewing { stage, ..renewing }))
            }
        }
    }

    fn take_step(
        &mut self,
        mut renewing: Renewing,
        step: Step<u8, NoReply>,
        reply: Reply,
        protocol: &Protocol,
    ) -> Next {
        let next = match step {
            Step::ReplaceOld(renewal) => {
                renewal.replaced(self.replace_old(renewing, renewal, reply, protocol))
            }
            Step::Reload(renewal) => renewal.reloaded(self.load_old(renewing.old, reply)),
            Step::CatchUp(renewal, current) => {
                let caught_up = self.catch_up(&mut renewing, current, reply);
                renewal.caught_up(current, caught_up)
            }
            Step::UndoCreate(cause) => {
                if let Some(new) = renewing.new {
                    let witnesses = self.in_flight();
                    let undo = DeleteScope::Nothing;
                    let _ = self.call(reply, |store| store.delete(new, None, undo, witnesses, protocol));
                }
                cause.not_renewed()
            }
            Step::EndNew | Step::EraseOld(_) | Step::Done(_) => step,
        };
        self.continue_with(renewing.at(next), protocol)
    }

    /// What the node does after a step of a renewal.
    fn continue_with(&mut self, renewing: Renewing, protocol: &Protocol) -> Next {
        let Renewing { old, new, stage: Stage::Step(step), .. } = renewing else { unreachable!() };
        let outcome = match step {
            Step::UndoCreate(cause) if new.is_none() => return Next::Done(Outcome::Failed(cause.into())),
            Step::ReplaceOld(_) | Step::Reload(_) | Step::CatchUp(..) | Step::UndoCreate(_) => {
                return Next::Run(Script::Renew(renewing));
            }
            Step::EndNew => return Next::Run(Script::end(renewing.new_id())),
            Step::EraseOld(erase) => {
                let to = erase.has_moved().then_some(renewing.new_id());
                let Step::Done(outcome) = erase.done::<u8, NoReply>(true) else { unreachable!() };
                let then = outcome_of(outcome, renewing);
                return Next::Run(Script::Erase { id: old, to, then });
            }
            Step::Done(outcome) => outcome,
        };
        match outcome {
            renewal::Outcome::Unknown(..) => Next::Unknown(renewing),
            renewal::Outcome::NewRecordLost if !protocol.lost_successor_keeps_session => {
                let then = Outcome::Failed(Failure::Gone);
                Next::Run(Script::Erase { id: old, to: None, then })
            }
            renewal::Outcome::Renewed(FollowUp::ConfirmTombstone) => {
                if self.store.confirm_tombstone(old, renewing.new_id()) {
                    self.known_replaced.insert(renewing.new_id());
                }
                Next::Done(outcome_of(outcome, renewing))
            }
            outcome => Next::Done(outcome_of(outcome, renewing)),
        }
    }

    fn load_old(&mut self, old: Id, reply: Reply) -> Result<u8, Cause<NoReply>> {
        match self.call(reply, |store| store.load(old)) {
            Ok(Slot::Record(record)) => Ok(record.revision),
            Ok(Slot::Moved(..)) => Err(Cause::Moved),
            Ok(Slot::Ended(_) | Slot::Empty) => Err(Cause::Gone),
            Err(no_reply) => Err(Cause::Error(no_reply)),
        }
    }

    fn replace_old(
        &mut self,
        renewing: Renewing,
        renewal: Renewal<u8>,
        reply: Reply,
        protocol: &Protocol,
    ) -> Replaced<NoReply> {
        let (old, new, witnesses) = (renewing.old, renewing.new_id(), self.in_flight());
        let base = renewal.base();
        match self.call(reply, |store| store.replace_with_tombstone(old, base, new, witnesses, protocol)) {
            Ok(TombstoneOutcome::Replaced) => {
                self.remember(old, Some(new));
                Replaced::Replaced
            }
            Ok(TombstoneOutcome::Conflict) => Replaced::Conflict,
            Ok(TombstoneOutcome::Moved) => {
                if renewal.cookie_sent() {
                    self.store.history.exempt.insert(new);
                }
                Replaced::Moved
            }
            Ok(TombstoneOutcome::Gone) => Replaced::Gone,
            Err(no_reply) if reply == Reply::Rejected => Replaced::Rejected(no_reply),
            Err(no_reply) => Replaced::Unknown(no_reply),
        }
    }

    fn catch_up(&mut self, renewing: &mut Renewing, current: u8, reply: Reply) -> CaughtUp<NoReply> {
        let (new, replacing, revision) = (renewing.new_id(), renewing.record.revision, CAUGHT_UP + current);
        let saved = |record| Record { revision, ..record };
        match self.call(reply, |store| store.save(new, replacing, saved)) {
            Ok(SaveOutcome::Saved) => {
                renewing.record.revision = revision;
                CaughtUp::Saved
            }
            Ok(SaveOutcome::Conflict | SaveOutcome::Moved) => CaughtUp::InUse,
            Ok(SaveOutcome::Gone) => CaughtUp::Gone,
            Err(no_reply) => CaughtUp::Failed(Cause::Error(no_reply)),
        }
    }
}

fn outcome_of(outcome: renewal::Outcome<u8, NoReply>, renewing: Renewing) -> Outcome {
    match outcome {
        renewal::Outcome::Renewed(_) => Outcome::Issued(renewing.new_id()),
        renewal::Outcome::NotRenewed(cause) => Outcome::Failed(cause.into()),
        renewal::Outcome::NewRecordLost => Outcome::Failed(Failure::NoReply),
        renewal::Outcome::Unknown(..) | renewal::Outcome::GivenUp => Outcome::Failed(Failure::NoReply),
    }
}

impl From<Cause<NoReply>> for Failure {
    fn from(cause: Cause<NoReply>) -> Self {
        match cause {
            Cause::Gone => Self::Gone,
            Cause::Moved => Self::Moved,
            Cause::Error(NoReply) => Self::NoReply,
        }
    }
}

/// Distinguishes the revisions of records that have caught up from the revisions that requests save.
const CAUGHT_UP: u8 = 16;
