//! How a session ends under all ids that it has had.
//!
//! A logout deletes the record under the id that the browser has sent. If the session has moved, the logout follows the tombstones. If
//! the record names a predecessor, whose record may still be there, it deletes both. A node remembers the outcome under each id, so
//! that a delete that was not confirmed is repeated from there.
//!
//! | Step | Outcome | Next |
//! |---|---|---|
//! | delete the record | it names a predecessor | delete both records |
//! | delete one or both | deleted, had ended, absent, moved, or an error | remember that |
//! | remember | moved, or known to have moved | delete the record of the next id, at most [`MAX_MOVES`] times |
//! | | deleted, had ended, absent | done; or the first error, if there was one |
//! | | an error | the first error |

/// A logout under one id. `K` is a key, `E` an error of the store.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Logout<K, E> {
    key: K,
    known_successor: Option<K>,
    moves: u8,
    first_error: Option<E>,
}

/// The next step.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[must_use]
pub enum Step<K, E> {
    /// Delete the record of [`Logout::key`], unless it names a predecessor: then [`Logout::deleted`].
    Delete(Logout<K, E>),
    /// Nothing.
    Done(Result<EndOutcome, EndError<E>>),
}

/// The reply of the store for one id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Deleted<K> {
    /// A record, which is deleted.
    Deleted,
    /// A record that names this predecessor, or one that cannot be read. It is unchanged.
    OutOfScope(Option<K>),
    /// A tombstone: the session has moved to this key.
    Moved(K),
    /// A tombstone: the session has ended before.
    HadEnded,
    /// Nothing.
    Absent,
}

/// The step after a delete.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Found<K, E> {
    /// Erase the record of this predecessor, if it is known, and delete that of [`Logout::key`], at the same time: then
    /// [`Logout::both_deleted`].
    Predecessor(Option<K>),
    /// Remember this outcome: then [`Logout::next`].
    Ended(Ended<K, E>),
}

/// The outcome of a logout under one id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ended<K, E> {
    /// The session is not there.
    Yes(EndOutcome),
    /// The session has moved to this key, as the tombstone says, or as this node remembers.
    Moved(K),
    /// The store has not confirmed it.
    Unconfirmed(E),
}

/// How a logout ends. It is exhaustive on purpose: a caller has to decide about each.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EndOutcome {
    /// The session has ended now.
    Ended,
    /// The session had ended before, less than half a minute ago.
    HadEnded,
    /// There is neither a record nor a tombstone.
    Absent,
}

/// Why the end of a session is not confirmed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EndError<E> {
    /// This was the first error of the store.
    Store(E),
    /// The session has moved more than [`MAX_MOVES`] times.
    MovedTooOften,
}

/// A logout follows a session that has been renewed this many times within the lifetime of a tombstone.
pub const MAX_MOVES: u8 = 8;

impl<K: Copy, E> Logout<K, E> {
    /// Begins under `key`. `known_successor` is the key that the session has moved to as far as this node remembers.
    pub fn begin(key: K, known_successor: Option<K>) -> Step<K, E> {
        Step::Delete(Self { key, known_successor, moves: 0, first_error: None })
    }

    /// The key of the current id.
    pub fn key(&self) -> K {
        self.key
    }

    /// The key that the session has moved to as far as this node remembers.
    pub fn known_successor(&self) -> Option<K> {
        self.known_successor
    }

    /// After [`Step::Delete`].
    pub fn deleted(&self, deleted: Result<Deleted<K>, E>) -> Found<K, E> {
        match deleted {
            Ok(Deleted::OutOfScope(predecessor)) => Found::Predecessor(predecessor),
            deleted => Found::Ended(self.ended(deleted)),
        }
    }

    /// After [`Found::Predecessor`].
    pub fn both_deleted(&self, predecessor: Result<(), E>, deleted: Result<Deleted<K>, E>) -> Ended<K, E> {
        self.ended(predecessor.and(deleted))
    }

    /// When the outcome under this id is remembered. `known_successor` returns the key that the session has moved to from another one,
    /// as far as this node remembers.
    pub fn next(self, ended: Ended<K, E>, known_successor: impl FnOnce(&K) -> Option<K>) -> Step<K, E> {
        let (next, first_error) = match (ended, self.first_error) {
            (Ended::Yes(outcome), None) => return Step::Done(Ok(outcome)),
            (Ended::Yes(_), Some(error)) => return Step::Done(Err(EndError::Store(error))),
            (Ended::Moved(next), first_error) => (Some(next), first_error),
            (Ended::Unconfirmed(error), first_error) => (self.known_successor, first_error.or(Some(error))),
        };
        match (next, first_error) {
            (None, Some(error)) => Step::Done(Err(EndError::Store(error))),
            (Some(key), first_error) if self.moves < MAX_MOVES => {
                let (known_successor, moves) = (known_successor(&key), self.moves + 1);
                Step::Delete(Self { key, known_successor, moves, first_error })
            }
            (Some(_) | None, _) => Step::Done(Err(EndError::MovedTooOften)),
        }
    }

    fn ended(&self, deleted: Result<Deleted<K>, E>) -> Ended<K, E> {
        match (deleted, self.known_successor) {
            (Err(error), _) => Ended::Unconfirmed(error),
            (Ok(Deleted::Moved(successor)), _) => Ended::Moved(successor),
            // The tombstone was lost in a failover, or has expired.
            (Ok(_), Some(successor)) => Ended::Moved(successor),
            (Ok(Deleted::Deleted), None) => Ended::Yes(EndOutcome::Ended),
            (Ok(Deleted::HadEnded), None) => Ended::Yes(EndOutcome::HadEnded),
            (Ok(Deleted::Absent | Deleted::OutOfScope(_)), None) => Ended::Yes(EndOutcome::Absent),
        }
    }
}

/// After the record of a session that has moved to `successor` was erased: the key of the record to erase next. If the session had ended
/// under the old key, a logout has found it there although it had moved, and the successor has to end, too.
pub fn erase_next<K>(had_ended: bool, successor: Option<K>) -> Option<K> {
    successor.filter(|_| had_ended)
}

#[cfg(test)]
mod tests;
