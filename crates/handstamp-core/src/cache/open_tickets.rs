use std::collections::HashMap;

use super::hasher::BuildHash64;
use crate::id::SessionKey;
use crate::record::Revision;

/// The open fill tickets of a stripe, by session.
///
/// All tickets of a session share one barrier, so an invalidation also spoils tickets taken after it while older ones are
/// open. That costs an occasional reload, and keeps the map small.
#[derive(Default)]
pub(super) struct OpenTickets(HashMap<SessionKey, TicketsOfSession, BuildHash64>);

struct TicketsOfSession {
    count: usize,
    barrier: Barrier,
}

/// Which revisions may still be inserted.
#[derive(Clone, Copy)]
enum Barrier {
    /// Any: no invalidation has arrived.
    Open,
    /// This revision and later ones.
    From(Revision),
    /// None.
    Closed,
}

impl OpenTickets {
    pub(super) fn open(&mut self, key: &SessionKey) {
        let new = TicketsOfSession { count: 0, barrier: Barrier::Open };
        self.0.entry(*key).or_insert(new).count += 1;
    }

    /// Closes one ticket, and returns whether a reply of this revision survives all invalidations that have arrived since.
    pub(super) fn close(&mut self, key: &SessionKey, revision: Option<Revision>) -> bool {
        let Some(tickets) = self.0.get_mut(key) else {
            return false;
        };
        let is_admitted = tickets.barrier.admits(revision);
        tickets.count -= 1;
        if tickets.count == 0 {
            self.0.remove(key);
        }
        is_admitted
    }

    /// Applies an invalidation: the session was saved as `saved`, or deleted.
    pub(super) fn invalidate(&mut self, key: &SessionKey, saved: Option<Revision>) {
        if let Some(tickets) = self.0.get_mut(key) {
            tickets.barrier = tickets.barrier.raised(saved);
        }
    }
}

impl Barrier {
    fn raised(self, saved: Option<Revision>) -> Self {
        match (self, saved) {
            (Self::Closed, _) | (_, None) => Self::Closed,
            (Self::From(higher), Some(saved)) if higher.counter() > saved.counter() => Self::From(higher),
            (Self::Open | Self::From(_), Some(saved)) => Self::From(saved),
        }
    }

    fn admits(self, revision: Option<Revision>) -> bool {
        match self {
            Self::Open => true,
            Self::From(saved) => revision.is_some_and(|revision| revision.survives(saved)),
            Self::Closed => false,
        }
    }
}
