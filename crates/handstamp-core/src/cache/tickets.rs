use std::collections::HashMap;

use super::hasher::BuildHash64;
use crate::id::SessionKey;
use crate::record::Revision;

/// The open tickets, by session.
///
/// What spoils one ticket of a session spoils all of them, also those taken after it: that costs a reload now and then, and
/// keeps this small.
#[derive(Default)]
pub(super) struct Tickets(HashMap<SessionKey, Open, BuildHash64>);

struct Open {
    count: usize,
    barrier: Barrier,
}

/// What a reply of the store must be, to be believed.
#[derive(Clone, Copy)]
enum Barrier {
    /// Anything: no invalidation has arrived.
    Open,
    /// This revision or a later one.
    From(Revision),
    /// Nothing is.
    Shut,
}

impl Tickets {
    pub(super) fn open(&mut self, key: &SessionKey) {
        self.0.entry(*key).or_insert(Open { count: 0, barrier: Barrier::Open }).count += 1;
    }

    /// Returns whether no invalidation has arrived since that a reply of this revision does not survive.
    pub(super) fn close(&mut self, key: &SessionKey, revision: Option<Revision>) -> bool {
        let Some(open) = self.0.get_mut(key) else {
            return false;
        };
        let good = open.barrier.admits(revision);
        open.count -= 1;
        if open.count == 0 {
            self.0.remove(key);
        }
        good
    }

    /// The session was saved as `saved`, or deleted.
    pub(super) fn raise(&mut self, key: &SessionKey, saved: Option<Revision>) {
        if let Some(open) = self.0.get_mut(key) {
            open.barrier = open.barrier.raised(saved);
        }
    }
}

impl Barrier {
    fn raised(self, saved: Option<Revision>) -> Self {
        match (self, saved) {
            (Self::Shut, _) | (_, None) => Self::Shut,
            (Self::From(higher), Some(saved)) if higher.counter() > saved.counter() => Self::From(higher),
            (Self::Open | Self::From(_), Some(saved)) => Self::From(saved),
        }
    }

    fn admits(self, revision: Option<Revision>) -> bool {
        match self {
            Self::Open => true,
            Self::From(saved) => revision.is_some_and(|revision| revision.survives(saved)),
            Self::Shut => false,
        }
    }
}
