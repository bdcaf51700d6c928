use std::fmt;
use std::sync::Arc;

use super::entry::Entry;
use super::stripe::Held;
use super::{Expiry, Freshness, LocalCache};
use crate::id::SessionKey;
use crate::record::Revision;

/// The right to put one value into the cache, unless something happens in the meantime.
///
/// Dropping it gives the right back.
#[must_use = "a ticket is taken before the store is asked, and completed with the reply"]
pub struct FillTicket<'c, V> {
    cache: &'c LocalCache<V>,
    key: SessionKey,
    freshness: &'c Arc<Freshness>,
    /// How often the freshness had been cut.
    generation_count: u32,
    /// What the cache held.
    held: Held,
    open: bool,
}

/// Whether a reply of the store can be relied on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "a reply that is not fresh may be outdated"]
pub enum FillOutcome {
    /// Nothing has happened since the ticket was taken. The cache has the value, if there is room for it.
    Fresh,
    /// The freshness was cut, or the session was deleted or saved, or a later reply came in.
    Uncertain,
    /// The cache held a later revision when the ticket was taken, and still holds it: the store has lost it, or a replica
    /// does not have it yet.
    Outdated,
}

impl<'c, V> FillTicket<'c, V> {
    pub(super) fn new(cache: &'c LocalCache<V>, key: SessionKey, freshness: &'c Arc<Freshness>) -> Self {
        let mut stripe = cache.stripe(&key).lock();
        stripe.tickets.open(&key);
        let held = stripe.held(&key);
        drop(stripe);
        Self { cache, key, freshness, generation_count: freshness.generation_count(), held, open: true }
    }

    /// Puts `value` of this revision, which takes `size` bytes of memory, into the cache, to be served while it is in date.
    /// No revision: the session is not there. That is remembered apart, and takes no room from sessions.
    ///
    /// Returns whether the value is fresh: only then the cache takes it.
    pub fn complete(
        mut self,
        revision: Option<Revision>,
        value: V,
        size: usize,
        expiry: Expiry,
    ) -> FillOutcome {
        self.open = false;
        let mut stripe = self.cache.stripe(&self.key).lock();
        let unspoilt = stripe.tickets.close(&self.key, revision);
        // Under the lock: a cut of the freshness from here on leaves this entry in an old generation.
        let unspoilt = unspoilt && self.generation_count == self.freshness.generation_count();
        if stripe.holds_later_than(&self.key, revision) {
            let was_held = unspoilt && stripe.held(&self.key) == self.held;
            return if was_held { FillOutcome::Outdated } else { FillOutcome::Uncertain };
        }
        if !unspoilt {
            return FillOutcome::Uncertain;
        }
        let entry = Entry {
            value,
            revision,
            freshness: self.freshness.clone(),
            generation_count: self.generation_count,
            size,
            expiry,
        };
        let dropped = stripe.insert(self.key, entry);
        drop(stripe);
        drop(dropped);
        FillOutcome::Fresh
    }
}

impl<V> Drop for FillTicket<'_, V> {
    fn drop(&mut self) {
        if self.open {
            let _ = self.cache.stripe(&self.key).lock().tickets.close(&self.key, None);
        }
    }
}

impl<V> fmt::Debug for FillTicket<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillTicket").field("key", &self.key).finish_non_exhaustive()
    }
}
