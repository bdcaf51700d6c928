//! How a session moves to a new id.
//!
//! The new record is created first: its id is not known outside of this request yet. Then the old record is replaced with a tombstone, if it
//! has not changed since. If it has, the new record catches up with it before. A failure before that leaves the old session as it
//! was. If it is unknown whether the old record was replaced, the browser gets the new id, and the renewal goes on in the background.
//!
//! | Step | Outcome | Next, before the cookie is sent | Next, after that |
//! |---|---|---|---|
//! | `ErasePredecessor` | erased | `Create` | |
//! | | the session had ended there | not renewed: gone | |
//! | | error | not renewed | |
//! | `Create` | created; the old record is unchanged | `ReplaceOld` | |
//! | | created; the old record has changed | `CatchUp` | |
//! | | created; the old record is gone, has moved, or cannot be loaded | `UndoCreate` | |
//! | | not created | not renewed | |
//! | | error | `UndoCreate` | |
//! | `ReplaceOld` | replaced | renewed | renewed |
//! | | the record has changed | `Reload` | `Reload` |
//! | | moved by another request | `UndoCreate` | renewed |
//! | | gone | `UndoCreate` | `EndNew` |
//! | | rejected | `UndoCreate` | unknown |
//! | | no reply | unknown | unknown |
//! | `Reload` | loaded | `CatchUp` | `CatchUp` |
//! | | moved | `UndoCreate` | unknown |
//! | | gone | `UndoCreate` | `EndNew` |
//! | | error | `UndoCreate` | unknown |
//! | `CatchUp` | saved | `ReplaceOld` | `ReplaceOld` |
//! | | the new record has changed or moved: the browser uses it | `EraseOld` | `EraseOld` |
//! | | the new record is gone | not renewed: lost | `EraseOld` |
//! | | failed | as after `Reload` | as after `Reload` |
//!
//! `UndoCreate`, `EndNew` and `EraseOld` are last steps. From *unknown*, the renewal continues with [`Renewal::retry`], or ends with
//! [`Renewal::give_up`].

/// A renewal between two steps. `R` is the revision of a record.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Renewal<R> {
    /// The revision of the old record that the new record contains.
    base: R,
    cookie_sent: bool,
}

/// The first step.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[must_use]
pub enum First<R, K> {
    /// Erase the record of this predecessor, which the old record names and the new one does not: then
    /// [`Renewal::predecessor_erased`].
    ErasePredecessor(Renewal<R>, K),
    /// Create the new record, and load the old one at the same time: then [`Renewal::created`].
    Create(Renewal<R>),
}

/// The next step when the new record was created.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[must_use]
pub enum Step<R, E> {
    /// Replace the old record with a tombstone, if it has the revision [`Renewal::base`]: then [`Renewal::replaced`].
    ReplaceOld(Renewal<R>),
    /// Load the old record: then [`Renewal::reloaded`].
    Reload(Renewal<R>),
    /// Save the new record with the changes made on the old record of this revision: then [`Renewal::caught_up`].
    CatchUp(Renewal<R>, R),
    /// Delete the new record, whose id the browser does not know: then [`Cause::not_renewed`].
    UndoCreate(Cause<E>),
    /// End the session under its new id, because it was logged out of under the old one: then [`Cause::not_renewed`] with
    /// [`Cause::Gone`].
    EndNew,
    /// Erase the old record: then [`EraseOld::done`].
    EraseOld(EraseOld),
    /// Nothing.
    Done(Outcome<R, E>),
}

/// How a renewal ends.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome<R, E> {
    /// The session has its new id.
    Renewed(FollowUp),
    /// The session does not have the new id: it is as it was, unless the cause says otherwise.
    NotRenewed(Cause<E>),
    /// The store has lost the new record. The session is as it was.
    NewRecordLost,
    /// It is unknown whether the old record was replaced. The browser gets the new id, and the renewal is retried in the background.
    Unknown(Renewal<R>, Cause<E>),
    /// It stays unknown whether the old record was replaced; it has been erased.
    GivenUp,
}

/// The work that is left after a renewal. The session does not depend on it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FollowUp {
    /// Let the tombstone expire after the time that all others have, then [`Self::ForgetPredecessor`].
    ConfirmTombstone,
    /// Save the new record without its predecessor.
    ForgetPredecessor,
    /// Nothing.
    Nothing,
}

/// Why a session was not renewed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause<E> {
    /// It has ended.
    Gone,
    /// Another request has moved it to another id.
    Moved,
    /// A step failed.
    Error(E),
}

/// Why the old record is erased.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EraseOld {
    /// The session is in use under the new id, and was changed under the old one: that change is lost.
    InUse,
    /// The session was logged out of under the new id.
    LoggedOut,
    /// It is unknown whether the record was replaced, and it may have an id that an attacker has planted.
    GivenUp,
}

/// The outcome of [`First::Create`] for the new record.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Created<E> {
    /// It was created.
    Created,
    /// It was not created.
    NotCreated(E),
    /// It may have been created.
    Unknown(E),
}

/// The outcome of [`Step::ReplaceOld`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Replaced<E> {
    /// The tombstone is in the place of the record.
    Replaced,
    /// The record has another revision.
    Conflict,
    /// Another request has moved the session.
    Moved,
    /// There is no record.
    Gone,
    /// The record was not replaced.
    Rejected(E),
    /// The record may have been replaced.
    Unknown(E),
}

/// The outcome of [`Step::CatchUp`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CaughtUp<E> {
    /// The new record was saved.
    Saved,
    /// The new record has changed or moved since it was created.
    InUse,
    /// The new record is gone.
    Gone,
    /// The changes cannot be made on the old record, or the store failed.
    Failed(Cause<E>),
}

impl<R: Copy + PartialEq> Renewal<R> {
    /// Begins with the revision of the old record that the new one is made from, and with the predecessor that it names.
    pub fn begin<K>(base: R, predecessor: Option<K>) -> First<R, K> {
        let renewal = Self { base, cookie_sent: false };
        match predecessor {
            Some(predecessor) => First::ErasePredecessor(renewal, predecessor),
            None => First::Create(renewal),
        }
    }

    /// The revision of the old record that the new record contains.
    pub fn base(&self) -> R {
        self.base
    }

    /// Whether the browser has the new id.
    pub fn cookie_sent(&self) -> bool {
        self.cookie_sent
    }

    /// After [`First::ErasePredecessor`]: `had_ended` if the session was logged out of under that id. [`First::Create`] is next.
    ///
    /// # Errors
    ///
    /// Why the session is not renewed.
    pub fn predecessor_erased<E>(self, had_ended: Result<bool, E>) -> Result<Self, Cause<E>> {
        match had_ended {
            Ok(false) => Ok(self),
            Ok(true) => Err(Cause::Gone),
            Err(error) => Err(Cause::Error(error)),
        }
    }

    /// After [`First::Create`]: what became of the new record, and the revision of the old one.
    pub fn created<E>(self, created: Created<E>, old: Result<R, Cause<E>>) -> Step<R, E> {
        match (created, old) {
            (Created::Created, Ok(current)) if current == self.base => Step::ReplaceOld(self),
            (Created::Created, old) => self.reloaded(old),
            (Created::NotCreated(error), _) => Cause::Error(error).not_renewed(),
            (Created::Unknown(error), _) => Step::UndoCreate(Cause::Error(error)),
        }
    }

    /// After [`Step::ReplaceOld`].
    pub fn replaced<E>(self, replaced: Replaced<E>) -> Step<R, E> {
        match replaced {
            Replaced::Replaced => Step::Done(Outcome::Renewed(FollowUp::ConfirmTombstone)),
            Replaced::Conflict => Step::Reload(self),
            // The browser may have either id.
            Replaced::Moved if self.cookie_sent => Step::Done(Outcome::Renewed(FollowUp::ForgetPredecessor)),
            Replaced::Moved => self.failed(Cause::Moved),
            Replaced::Gone => self.failed(Cause::Gone),
            Replaced::Rejected(error) => self.failed(Cause::Error(error)),
            Replaced::Unknown(error) => Step::Done(Outcome::Unknown(self, Cause::Error(error))),
        }
    }

    /// After [`Step::Reload`]: the revision of the old record.
    pub fn reloaded<E>(self, old: Result<R, Cause<E>>) -> Step<R, E> {
        match old {
            Ok(current) => Step::CatchUp(self, current),
            Err(cause) => self.failed(cause),
        }
    }

    /// After [`Step::CatchUp`] with the old record of the revision `current`.
    pub fn caught_up<E>(self, current: R, caught_up: CaughtUp<E>) -> Step<R, E> {
        match caught_up {
            CaughtUp::Saved => Step::ReplaceOld(Self { base: current, ..self }),
            CaughtUp::InUse => Step::EraseOld(EraseOld::InUse),
            CaughtUp::Gone if self.cookie_sent => Step::EraseOld(EraseOld::LoggedOut),
            // No request has the new id, so this was no logout.
            CaughtUp::Gone => Step::Done(Outcome::NewRecordLost),
            CaughtUp::Failed(cause) => self.failed(cause),
        }
    }

    /// After [`Outcome::Unknown`], when the browser has the new id.
    pub fn retry<E>(self) -> Step<R, E> {
        Step::ReplaceOld(Self { cookie_sent: true, ..self })
    }

    /// After [`Outcome::Unknown`], when it is too late for a retry.
    pub fn give_up<E>() -> Step<R, E> {
        Step::EraseOld(EraseOld::GivenUp)
    }

    fn failed<E>(self, cause: Cause<E>) -> Step<R, E> {
        match cause {
            cause if !self.cookie_sent => Step::UndoCreate(cause),
            Cause::Gone => Step::EndNew,
            cause @ (Cause::Moved | Cause::Error(_)) => Step::Done(Outcome::Unknown(self, cause)),
        }
    }
}

impl<E> Cause<E> {
    /// After [`Step::UndoCreate`] and [`Step::EndNew`].
    pub fn not_renewed<R>(self) -> Step<R, E> {
        Step::Done(Outcome::NotRenewed(self))
    }
}

impl EraseOld {
    /// Whether the session continues under the new id.
    #[must_use]
    pub fn has_moved(self) -> bool {
        self != Self::LoggedOut
    }

    /// After [`Step::EraseOld`]. If the record was not `erased`, the delete is repeated by its node.
    pub fn done<R, E>(self, erased: bool) -> Step<R, E> {
        match self {
            Self::InUse if erased => Step::Done(Outcome::Renewed(FollowUp::ForgetPredecessor)),
            Self::InUse => Step::Done(Outcome::Renewed(FollowUp::Nothing)),
            Self::LoggedOut => Cause::Gone.not_renewed(),
            Self::GivenUp => Step::Done(Outcome::GivenUp),
        }
    }
}

#[cfg(test)]
mod tests;
