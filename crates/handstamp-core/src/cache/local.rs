use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::stripe::Stripe;
use super::sync::Mutex;
use super::{CacheStats, Capacity, FillTicket, Freshness};
use crate::id::SessionKey;
use crate::record::Revision;

/// Values by session key, within a [`Capacity`].
///
/// `V` is cloned out on every hit; an [`Arc`](std::sync::Arc) is meant.
pub struct LocalCache<V> {
    stripes: Box<[Mutex<Stripe<V>>]>,
    freshnesses: Mutex<Freshnesses>,
}

impl<V> LocalCache<V> {
    /// An empty cache. Without capacity it stays empty, which is a way to do without.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let stripes = capacity.stripes();
        let capacity = capacity.divided_by(stripes);
        Self {
            stripes: (0..stripes).map(|_| Mutex::new(Stripe::new(capacity))).collect(),
            freshnesses: Mutex::new(Freshnesses::default()),
        }
    }

    /// A freshness for entries to come in under. Nothing is proved on it yet.
    pub fn new_freshness(&self, now: Instant, max_staleness: Duration) -> Arc<Freshness> {
        let mut freshnesses = self.freshnesses.lock();
        freshnesses.open.retain(|freshness| freshness.strong_count() > 0);
        let freshness = Arc::new(Freshness::new(freshnesses.next_number, now, max_staleness));
        freshnesses.next_number = freshnesses.next_number.wrapping_add(1);
        freshnesses.open.push(Arc::downgrade(&freshness));
        freshness
    }

    /// The value of `key`, if there is one that is in date, and came in under a freshness that can be relied on.
    #[must_use]
    pub fn get(&self, key: &SessionKey, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        self.stripe(key).lock().get(key, now)
    }

    /// The value of `key`, if there is one whose session has not ended, be it out of date, and whose freshness could be
    /// relied on no longer than `limit` ago. For when the store cannot be asked.
    #[must_use]
    pub fn get_stale(&self, key: &SessionKey, now: Instant, limit: Duration) -> Option<V>
    where
        V: Clone,
    {
        self.stripe(key).lock().get_stale(key, now, limit)
    }

    /// Announces that the store is about to be asked for `key`, or to be told its new value, whose changes are told by
    /// `freshness`. The ticket is the only way to put the answer into the cache.
    pub fn begin_fill<'c>(&'c self, key: &SessionKey, freshness: &'c Arc<Freshness>) -> FillTicket<'c, V> {
        FillTicket::new(self, *key, freshness)
    }

    /// Drops what is known of `key`, unless it is `saved` or later than it; `None` means that no revision
    /// survives, because the session was deleted. Open tickets are spoilt likewise.
    pub fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        let dropped = self.stripe(key).lock().invalidate(key, saved);
        // The lock is free again when the value's own `Drop` runs.
        drop(dropped);
    }

    /// Declares what is held for `key` to be out of date, because a write may have changed it or not. Open tickets
    /// are spoilt.
    pub fn mark_stale(&self, key: &SessionKey, now: Instant) {
        self.stripe(key).lock().mark_stale(key, now);
    }

    /// Drops everything, and spoils every open ticket: [starts a new generation](Freshness::start_generation) of every `Freshness`.
    pub fn clear(&self) {
        self.each_freshness(Freshness::start_generation);
    }

    /// Whether a session is held for `key`, be it out of date. A session that is known not to be there is not held.
    #[must_use]
    pub fn contains(&self, key: &SessionKey) -> bool {
        self.stripe(key).lock().holds(key)
    }

    /// The number of sessions, those from before their freshness was cut not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut len = 0;
        self.each_freshness(|freshness| len += freshness.len());
        len
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the cache has done so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let sum = self.stripes.iter().map(|stripe| stripe.lock().stats()).sum();
        CacheStats { size: self.len(), ..sum }
    }

    pub(super) fn stripe(&self, key: &SessionKey) -> &Mutex<Stripe<V>> {
        // Not the bits that the stripe's own map goes by.
        let position = (key.hash64() >> 32) as usize & (self.stripes.len() - 1);
        &self.stripes[position]
    }

    /// A freshness that nobody has any more has no entries: those keep theirs.
    fn each_freshness(&self, mut visit: impl FnMut(&Freshness)) {
        self.freshnesses.lock().open.iter().filter_map(Weak::upgrade).for_each(|freshness| visit(&freshness));
    }
}

/// Those that somebody still has, be it an entry.
#[derive(Default)]
struct Freshnesses {
    open: Vec<Weak<Freshness>>,
    next_number: u32,
}

impl<V> fmt::Debug for LocalCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
