use crate::{SaveOutcome, TouchOutcome};

/// The result of a read.
///
/// It is exhaustive on purpose: a caller has to decide about every case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup<V> {
    /// There is no such session.
    Absent,
    /// The session has ended within the last 30 seconds.
    Ended,
    /// The session has moved to another id within the last 30 seconds.
    Moved,
    /// The session.
    Found(V),
    /// There is a record that no node can read.
    Unreadable,
}

impl<V> From<Lookup<V>> for Option<V> {
    fn from(lookup: Lookup<V>) -> Self {
        match lookup {
            Lookup::Absent | Lookup::Ended | Lookup::Moved | Lookup::Unreadable => None,
            Lookup::Found(session) => Some(session),
        }
    }
}

/// Why there is no session under an id that had one, or may have had one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gone {
    /// It has ended, or never existed.
    Ended,
    /// It has moved to another id.
    Moved,
}

impl<V> From<Gone> for Lookup<V> {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Ended => Self::Ended,
            Gone::Moved => Self::Moved,
        }
    }
}

impl From<Gone> for SaveOutcome {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Ended => Self::Gone,
            Gone::Moved => Self::Moved,
        }
    }
}

impl From<Gone> for TouchOutcome {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Ended => Self::Gone,
            Gone::Moved => Self::Moved,
        }
    }
}
