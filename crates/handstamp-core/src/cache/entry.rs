use std::sync::Arc;
use std::time::Instant;

use super::{Expiry, Freshness};
use crate::record::Revision;

/// A value in the cache, and what it depends on.
pub(super) struct Entry<V> {
    pub(super) value: V,
    pub(super) revision: Option<Revision>,
    pub(super) freshness: Arc<Freshness>,
    /// How often the freshness had been cut when the ticket was taken.
    pub(super) generation_count: u32,
    /// The memory that it takes, in bytes.
    pub(super) size: usize,
    pub(super) expiry: Expiry,
}

impl<V> Entry<V> {
    /// Whether its freshness has not been cut since. Entries of earlier generations stay in the map until they are evicted, but
    /// are never served.
    pub(super) fn counts(&self) -> bool {
        self.freshness.generation_count() == self.generation_count
    }

    /// Whether it may be served without asking the store.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.expiry.fresh_until && self.freshness.is_fresh(now) && self.counts()
    }

    /// Whether it takes the place of what a load of `revision` brings: two replies may come in the wrong order, before the
    /// message that tells them apart.
    pub(super) fn is_later_than(&self, revision: Option<Revision>) -> bool {
        self.counts()
            && match (self.revision, revision) {
                (Some(held), Some(revision)) => held.counter() > revision.counter(),
                (None, Some(_)) => true,
                (_, None) => false,
            }
    }

    /// Whether it may be kept after the message that the session was saved as `saved`, or deleted.
    pub(super) fn survives(&self, saved: Option<Revision>) -> bool {
        match (self.revision, saved) {
            (Some(held), Some(saved)) => held.survives(saved),
            // "Not there" stays true: what was saved was deleted after that.
            (None, Some(saved)) => saved != Revision::LATEST,
            (_, None) => false,
        }
    }
}
