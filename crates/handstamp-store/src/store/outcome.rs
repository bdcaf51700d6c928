//! The outcomes of writes.

use handstamp_core::record::Entry;

/// The outcome of [`Records::create`](crate::Records::create).
///
/// It is exhaustive on purpose: a caller has to decide about each, and a new one would be a new rule of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum CreateOutcome {
    /// The record was added, now or by an earlier call with the same record.
    Created,
    /// The key has another record or a tombstone, which is unchanged.
    Exists,
}

/// The outcome of [`Records::save`](crate::Records::save).
///
/// It is exhaustive on purpose: a caller has to decide about each, and a new one would be a new rule of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum SaveOutcome {
    /// The record was saved, now or by an earlier call with the same record.
    Saved,
    /// The record has another revision, and is unchanged.
    Conflict,
    /// The session has moved to another id.
    Moved,
    /// The session has ended, or does not exist.
    Gone,
}

/// The records that a [`Records::delete`](crate::Records::delete) applies to.
///
/// It is exhaustive on purpose: a store has to implement each, and a new one would be a new rule of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeleteScope {
    /// Every record.
    All,
    /// Records that name no predecessor. Of the others, the predecessor has to be deleted first.
    WithoutPredecessor,
}

/// The outcome of [`Records::delete`](crate::Records::delete).
///
/// It is exhaustive on purpose: a caller has to decide about each, and a new one would be a new rule of the contract.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum DeleteOutcome {
    /// The record was deleted, now or by an earlier call with the same tombstone.
    Deleted,
    /// This record names a predecessor and is outside of the [scope](DeleteScope): it is unchanged. It has not been verified.
    OutOfScope(Entry),
    /// The session has moved to the id that this tombstone names. It has not been verified.
    Moved(Entry),
    /// The session had ended before.
    Gone,
    /// There is neither a record nor a tombstone.
    Absent,
}

/// The outcome of [`Records::replace_with_tombstone`](crate::Records::replace_with_tombstone).
///
/// It is exhaustive on purpose: a caller has to decide about each, and a new one would be a new rule of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum TombstoneOutcome {
    /// The record was replaced, now or by an earlier call with the same tombstone.
    Replaced,
    /// The record has another revision, and is unchanged.
    Conflict,
    /// There is another tombstone: the session has moved to another id.
    Moved,
    /// The session has ended, or does not exist.
    Gone,
}

/// The outcome of [`Records::touch`](crate::Records::touch).
///
/// It is exhaustive on purpose: a caller has to decide about each, and a new one would be a new rule of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum TouchOutcome {
    /// The record has the new time to live.
    Touched,
    /// The session has moved to another id.
    Moved,
    /// The session has ended, or does not exist.
    Gone,
}
