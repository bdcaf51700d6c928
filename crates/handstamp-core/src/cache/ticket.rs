use std::fmt;
use std::sync::Arc;

use super::entry::{AbsenceEntry, SessionEntry, Validity};
use super::stripe::{CachedCopy, Entries, Removed};
use super::{CachedSession, Expiry, Freshness, LocalCache};
use crate::id::SessionKey;
use crate::record::Revision;

/// The right to insert one session, taken before the store is queried.
///
/// Every invalidation of the session, and every new generation, spoils it. A dropped ticket is closed.
#[must_use = "take the ticket before querying the store, and complete it with the reply"]
pub struct FillTicket<'c, S: CachedSession, A> {
    cache: &'c LocalCache<S, A>,
    key: SessionKey,
    freshness: &'c Arc<Freshness>,
    generation: u32,
    /// The copy that was cached when the ticket was taken.
    copy: CachedCopy,
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

impl<'c, S: CachedSession, A> FillTicket<'c, S, A> {
    pub(super) fn new(cache: &'c LocalCache<S, A>, key: SessionKey, freshness: &'c Arc<Freshness>) -> Self {
        let stripe = cache.stripe(&key);
        let mut tickets = stripe.tickets.lock();
        tickets.open(&key);
        let copy = stripe.entries.read().copy(&key);
        drop(tickets);
        Self { cache, key, freshness, generation: freshness.current_generation(), copy, is_open: true }
    }

    /// Inserts the session, which takes `size` bytes of memory, if it is [fresh](FillOutcome::Fresh). A session of another key never
    /// is.
    pub fn complete(self, session: S, size: usize, expiry: Expiry) -> FillOutcome {
        if session.key() != &self.key {
            return FillOutcome::Uncertain;
        }
        self.insert(Some(session.revision()), expiry, |entries, validity| {
            entries.insert(SessionEntry { session, validity }, size)
        })
    }

    /// Inserts that there is no session, if that is [fresh](FillOutcome::Fresh). Absences are cached separately, and take no room
    /// from sessions.
    pub fn complete_absent(self, absence: A, expiry: Expiry) -> FillOutcome {
        let key = self.key;
        self.insert(None, expiry, |entries, validity| {
            entries.insert_absence(AbsenceEntry { key, absence, validity })
        })
    }

    fn insert(
        mut self,
        revision: Option<Revision>,
        expiry: Expiry,
        insert: impl FnOnce(&mut Entries<S, A>, Validity) -> Removed<S>,
    ) -> FillOutcome {
        self.is_open = false;
        let stripe = self.cache.stripe(&self.key);
        let mut tickets = stripe.tickets.lock();
        let is_unspoilt = tickets.close(&self.key, revision);
        // Checked under the lock: a generation that starts from here on makes this entry one of an earlier generation.
        let is_unspoilt = is_unspoilt && self.generation == self.freshness.current_generation();
        let mut entries = stripe.entries.write();
        if entries.has_later_than(&self.key, revision) {
            let was_cached = is_unspoilt && entries.copy(&self.key) == self.copy;
            return if was_cached { FillOutcome::Outdated } else { FillOutcome::Uncertain };
        }
        if !is_unspoilt {
            return FillOutcome::Uncertain;
        }
        let validity = Validity::new(self.freshness.clone(), self.generation, expiry);
        let removed = insert(&mut entries, validity);
        drop(entries);
        drop(tickets);
        drop(removed);
        FillOutcome::Fresh
    }
}

impl<S: CachedSession, A> Drop for FillTicket<'_, S, A> {
    fn drop(&mut self) {
        if self.is_open {
            let _ = self.cache.stripe(&self.key).tickets.lock().close(&self.key, None);
        }
    }
}

impl<S: CachedSession, A> fmt::Debug for FillTicket<'_, S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillTicket").field("key", &self.key).finish_non_exhaustive()
    }
}
