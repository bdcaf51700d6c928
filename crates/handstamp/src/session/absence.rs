use handstamp_store::Lookup;

/// Why there is no session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Absence {
    /// There is neither a record nor a tombstone.
    NoTrace,
    Ended,
    Moved,
}

impl Absence {
    /// A record that cannot be read counts as none: the visitor is not locked out, and the record is left as it is, since a new session
    /// gets a new id.
    pub(super) fn of<T>(missing: &Lookup<T>) -> Self {
        match missing {
            Lookup::Found(_) | Lookup::Absent | Lookup::Unreadable => Self::NoTrace,
            Lookup::Ended => Self::Ended,
            Lookup::Moved => Self::Moved,
        }
    }
}
