use std::sync::Arc;
use std::time::Instant;

use super::{Expiry, Freshness};
use crate::record::Revision;

/// A cached value with everything that decides whether it may be served.
pub(super) struct Entry<V> {
    pub(super) value: V,
    /// `None` if the session does not exist.
    pub(super) revision: Option<Revision>,
    pub(super) freshness: Arc<Freshness>,
    /// The generation of `freshness` in which the fill ticket was taken.
    pub(super) generation: u32,
    /// Memory in bytes.
    pub(super) size: usize,
    pub(super) expiry: Expiry,
}

impl<V> Entry<V> {
    /// Whether no generation has been started since. Entries of earlier generations stay in the map until they are evicted, but
    /// are never served.
    pub(super) fn is_current(&self) -> bool {
        self.freshness.current_generation() == self.generation
    }

    /// Whether it may be served without querying the store.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.expiry.fresh_until && self.freshness.is_fresh(now) && self.is_current()
    }

    /// Whether it is later than the loaded `revision`: two replies may arrive in the wrong order, before the message that
    /// orders them.
    pub(super) fn is_later_than(&self, revision: Option<Revision>) -> bool {
        self.is_current()
            && match (self.revision, revision) {
                (Some(cached), Some(revision)) => cached.counter() > revision.counter(),
                (None, Some(_)) => true,
                (_, None) => false,
            }
    }

    /// Whether it is still valid after the invalidation of a session that was saved as `saved`, or deleted.
    pub(super) fn survives(&self, saved: Option<Revision>) -> bool {
        match (self.revision, saved) {
            (Some(cached), Some(saved)) => cached.survives(saved),
            // Ids are never reused, so a session that does not exist now was saved before and deleted since.
            (None, Some(saved)) => saved != Revision::LATEST,
            (_, None) => false,
        }
    }
}
