use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::lookups::Lookups;
use super::stripe::Stripe;
use super::sync::Mutex;
use super::{CacheStats, CachedSession, Capacity, FillTicket, Freshness};
use crate::id::SessionKey;
use crate::record::Revision;

/// Cached sessions by key, within a [`Capacity`], and absences of sessions, each with an `A` that describes it.
///
/// Every hit clones the session, so a large `S` should be an [`Arc`].
pub struct LocalCache<S, A> {
    stripes: Box<[Stripe<S, A>]>,
    lookups: Lookups,
    freshnesses: Mutex<Freshnesses>,
}

/// What is cached for a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found<S, A> {
    /// The session.
    Session(S),
    /// There is no session, for this reason.
    Absence(A),
}

impl<S: CachedSession, A> LocalCache<S, A> {
    /// An empty cache. With a capacity of zero it stays empty, which turns caching off.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let stripes = capacity.stripes();
        let capacity = capacity.divided_by(stripes);
        Self {
            stripes: (0..stripes).map(|_| Stripe::new(capacity)).collect(),
            lookups: Lookups::default(),
            freshnesses: Mutex::new(Freshnesses::default()),
        }
    }

    /// A [`Freshness`] for the entries of one subscription, without a fence.
    pub fn new_freshness(&self, now: Instant, max_staleness: Duration) -> Arc<Freshness> {
        let mut freshnesses = self.freshnesses.lock();
        freshnesses.open.retain(|freshness| freshness.strong_count() > 0);
        let freshness = Arc::new(Freshness::new(freshnesses.next_number, now, max_staleness));
        freshnesses.next_number = freshnesses.next_number.wrapping_add(1);
        freshnesses.open.push(Arc::downgrade(&freshness));
        freshness
    }

    /// What is cached for `key`, if it is fresh.
    #[must_use]
    pub fn get(&self, key: &SessionKey, now: Instant) -> Option<Found<S, A>>
    where
        S: Clone,
        A: Clone,
    {
        let found = self.stripe(key).entries.read().get(key, now);
        self.lookups.count(found.is_some());
        found
    }

    /// What is cached for `key`, fresh or stale, if its session has not ended and the last fence is at most `limit` old. For use
    /// while the store is unreachable.
    #[must_use]
    pub fn get_stale(&self, key: &SessionKey, now: Instant, limit: Duration) -> Option<Found<S, A>>
    where
        S: Clone,
        A: Clone,
    {
        self.stripe(key).entries.read().get_stale(key, now, limit)
    }

    /// A ticket to insert the session of `key`. Take it before the store is queried, or the session is written. `freshness` is
    /// that of the subscription that receives the invalidations of `key`.
    pub fn begin_fill<'c>(&'c self, key: &SessionKey, freshness: &'c Arc<Freshness>) -> FillTicket<'c, S, A> {
        FillTicket::new(self, *key, freshness)
    }

    /// Removes the entry of `key`, and spoils its open tickets, except for `saved` and later revisions; `None` means that no
    /// revision survives, because the session was deleted.
    pub fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        self.stripe(key).invalidate(key, saved);
    }

    /// Marks the entry of `key` as stale, because a write may or may not have changed the session. Open tickets are spoilt.
    pub fn mark_stale(&self, key: &SessionKey, now: Instant) {
        self.stripe(key).mark_stale(key, now);
    }

    /// Whether a session is cached for `key`, fresh or stale. A cached absence does not count.
    #[must_use]
    pub fn contains(&self, key: &SessionKey) -> bool {
        self.stripe(key).entries.read().contains(key)
    }

    /// Counters since the cache was created.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let (hits, misses) = self.lookups.sums();
        let of_stripes: CacheStats = self.stripes.iter().map(Stripe::stats).sum();
        CacheStats { hits, misses, size: self.len(), ..of_stripes }
    }

    pub(super) fn stripe(&self, key: &SessionKey) -> &Stripe<S, A> {
        // The map of a stripe uses the lower bits.
        let position = (key.hash64() >> 32) as usize & (self.stripes.len() - 1);
        &self.stripes[position]
    }
}

impl<S, A> LocalCache<S, A> {
    /// Drops all entries and spoils all open tickets: [starts a new generation](Freshness::start_generation) of every
    /// [`Freshness`].
    pub fn clear(&self) {
        self.each_freshness(Freshness::start_generation);
    }

    /// The number of sessions, without those of earlier generations.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut len = 0;
        self.each_freshness(|freshness| len += freshness.len());
        len
    }

    /// Whether no session is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A freshness that was dropped has no entries, since each entry holds a reference.
    fn each_freshness(&self, mut visit: impl FnMut(&Freshness)) {
        self.freshnesses.lock().open.iter().filter_map(Weak::upgrade).for_each(|freshness| visit(&freshness));
    }
}

/// Those that are still referenced.
#[derive(Default)]
struct Freshnesses {
    open: Vec<Weak<Freshness>>,
    next_number: u32,
}

impl<S, A> fmt::Debug for LocalCache<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").field("len", &self.len()).finish_non_exhaustive()
    }
}
