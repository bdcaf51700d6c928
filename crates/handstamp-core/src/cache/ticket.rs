use std::fmt;
use std::sync::Arc;

use super::entry::Entry;
use super::stripe::Cached;
use super::{Expiry, Freshness, LocalCache};
use crate::id::SessionKey;
use crate::record::Revision;

/// The right to insert one value, taken before the store is queried.
///
/// Every invalidation of the session, and every new generation, spoils it. A dropped ticket is closed.
#[must_use = "take the ticket before querying the store, and complete it with the reply"]
pub struct FillTicket<'c, V> {
    cache: &'c LocalCache<V>,
    key: SessionKey,
    freshness: &'c Arc<Freshness>,
    generation: u32,
    /// The copy that was cached when the ticket was taken.
    cached: Cached,
    is_open: bool,
}

/// Whether a reply of the store can be relied on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "a reply that is not fresh may be outdated"]
pub enum FillOutcome {
    /// Nothing has changed since the ticket was taken. The value has been inserted, if there is room for it.
    Fresh,
    /// A generation has started, the session was deleted or saved, or a later reply was inserted since.
    Uncertain,
    /// A later revision was cached when the ticket was taken, and still is: the store has lost it, or a replica has not
    /// received it yet.
    Outdated,
}

impl<'c, V> FillTicket<'c, V> {
    pub(super) fn new(cache: &'c LocalCache<V>, key: SessionKey, freshness: &'c Arc<Freshness>) -> Self {
        let mut stripe = cache.stripe(&key).lock();
        stripe.tickets.open(&key);
        let cached = stripe.cached(&key);
        drop(stripe);
        Self { cache, key, freshness, generation: freshness.current_generation(), cached, is_open: true }
    }

    /// Inserts `value` of this revision, which takes `size` bytes of memory, if it is [fresh](FillOutcome::Fresh).
    ///
    /// No revision means that the session does not exist. Absences are cached separately, and take no room from sessions.
    pub fn complete(
        mut self,
        revision: Option<Revision>,
        value: V,
        size: usize,
        expiry: Expiry,
    ) -> FillOutcome {
        self.is_open = false;
        let mut stripe = self.cache.stripe(&self.key).lock();
        let is_unspoilt = stripe.tickets.close(&self.key, revision);
        // Checked under the lock: a generation that starts from here on makes this entry one of an earlier generation.
        let is_unspoilt = is_unspoilt && self.generation == self.freshness.current_generation();
        if stripe.has_later_than(&self.key, revision) {
            let was_cached = is_unspoilt && stripe.cached(&self.key) == self.cached;
            return if was_cached { FillOutcome::Outdated } else { FillOutcome::Uncertain };
        }
        if !is_unspoilt {
            return FillOutcome::Uncertain;
        }
        let entry = Entry {
            value,
            revision,
            freshness: self.freshness.clone(),
            generation: self.generation,
            size,
            expiry,
        };
        let removed = stripe.insert(self.key, entry);
        drop(stripe);
        drop(removed);
        FillOutcome::Fresh
    }
}

impl<V> Drop for FillTicket<'_, V> {
    fn drop(&mut self) {
        if self.is_open {
            let _ = self.cache.stripe(&self.key).lock().tickets.close(&self.key, None);
        }
    }
}

impl<V> fmt::Debug for FillTicket<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillTicket").field("key", &self.key).finish_non_exhaustive()
    }
}
