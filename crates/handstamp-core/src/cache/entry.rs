use std::sync::Arc;
use std::time::{Duration, Instant};

use super::s3_fifo::CacheEntry;
use super::session::CachedSession;
use super::{Expiry, Freshness};
use crate::id::SessionKey;

/// A cached session.
pub(super) struct SessionEntry<S> {
    pub(super) session: S,
    pub(super) validity: Validity,
}

/// The absence of a session, and why.
pub(super) struct AbsenceEntry<A> {
    pub(super) key: SessionKey,
    pub(super) absence: A,
    pub(super) validity: Validity,
}

/// Decides whether an entry may be served. Small, because every entry has one.
pub(super) struct Validity {
    freshness: Arc<Freshness>,
    /// The generation of `freshness` in which the fill ticket was taken.
    generation: u32,
    /// The [`Expiry`], in nanoseconds since the origin of `freshness`.
    fresh_until: u64,
    session_ends: u64,
}

impl Validity {
    pub(super) fn new(freshness: Arc<Freshness>, generation: u32, expiry: Expiry) -> Self {
        let Expiry { fresh_until, session_ends } = expiry;
        let (fresh_until, session_ends) = (freshness.nanos(fresh_until), freshness.nanos(session_ends));
        Self { freshness, generation, fresh_until, session_ends }
    }

    /// Whether no generation has been started since. Entries of earlier generations stay in the map until they are evicted, but
    /// are never served.
    pub(super) fn is_current(&self) -> bool {
        self.freshness.current_generation() == self.generation
    }

    /// Whether the entry may be served without querying the store.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let now = self.freshness.nanos(now);
        now < self.fresh_until && self.freshness.is_fresh_at(now) && self.is_current()
    }

    /// Whether the entry may be served while the store is unreachable.
    pub(super) fn was_fresh(&self, now: Instant, limit: Duration) -> bool {
        self.freshness.nanos(now) < self.session_ends
            && self.freshness.was_fresh(now, limit)
            && self.is_current()
    }

    pub(super) fn session_inserted(&self) {
        self.freshness.session_inserted(self.generation);
    }

    pub(super) fn session_removed(&self) {
        self.freshness.session_removed(self.generation);
    }

    pub(super) fn mark_stale(&mut self, now: Instant) {
        self.fresh_until = self.fresh_until.min(self.freshness.nanos(now));
    }
}

impl<S: CachedSession> CacheEntry for SessionEntry<S> {
    fn key(&self) -> &SessionKey {
        self.session.key()
    }

    fn is_current(&self) -> bool {
        self.validity.is_current()
    }
}

impl<A> CacheEntry for AbsenceEntry<A> {
    fn key(&self) -> &SessionKey {
        &self.key
    }

    fn is_current(&self) -> bool {
        self.validity.is_current()
    }
}
