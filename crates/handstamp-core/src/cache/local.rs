use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::stripe::Stripe;
use super::sync::Mutex;
use super::{CacheStats, Capacity, Feed, Ticket};
use crate::id::SessionKey;
use crate::record::Revision;

/// Values by session key, within a [`Capacity`].
///
/// `V` is cloned out on every hit; an [`Arc`](std::sync::Arc) is meant.
pub struct LocalCache<V> {
    stripes: Box<[Mutex<Stripe<V>>]>,
    feeds: Mutex<Feeds>,
}

impl<V> LocalCache<V> {
    /// An empty cache. Without capacity it stays empty, which is a way to do without.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let stripes = capacity.stripes();
        let capacity = capacity.divided_by(stripes);
        Self {
            stripes: (0..stripes).map(|_| Mutex::new(Stripe::new(capacity))).collect(),
            feeds: Mutex::new(Feeds::default()),
        }
    }

    /// A feed for entries to come in under. Nothing is proved on it yet.
    pub fn open_feed(&self, now: Instant, max_staleness: Duration) -> Arc<Feed> {
        let mut feeds = self.feeds.lock();
        feeds.open.retain(|feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::new(feeds.next_number, now, max_staleness));
        feeds.next_number = feeds.next_number.wrapping_add(1);
        feeds.open.push(Arc::downgrade(&feed));
        feed
    }

    /// The value of `key`, if there is one that is in date, and came in under a feed that can be relied on.
    #[must_use]
    pub fn get(&self, key: &SessionKey, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        self.stripe(key).lock().get(key, now)
    }

    /// The value of `key`, if there is one whose session has not ended, be it out of date, and whose feed could be
    /// relied on no longer than `limit` ago. For when the store cannot be asked.
    #[must_use]
    pub fn get_outdated(&self, key: &SessionKey, now: Instant, limit: Duration) -> Option<V>
    where
        V: Clone,
    {
        self.stripe(key).lock().get_outdated(key, now, limit)
    }

    /// Announces that the store is about to be asked for `key`, or to be told its new value, whose changes are told by
    /// `feed`. The ticket is the only way to put the answer into the cache.
    pub fn begin<'c>(&'c self, key: &SessionKey, feed: &'c Arc<Feed>) -> Ticket<'c, V> {
        Ticket::new(self, *key, feed)
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
    pub fn doubt(&self, key: &SessionKey, now: Instant) {
        self.stripe(key).lock().doubt(key, now);
    }

    /// Drops everything, and spoils every open ticket: [cuts](Feed::cut) all feeds.
    pub fn clear(&self) {
        self.each_feed(Feed::cut);
    }

    /// Whether a session is held for `key`, be it out of date. A session that is known not to be there is not held.
    #[must_use]
    pub fn holds(&self, key: &SessionKey) -> bool {
        self.stripe(key).lock().holds(key)
    }

    /// The number of sessions, those from before their feed was cut not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut len = 0;
        self.each_feed(|feed| len += feed.len());
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
        let position = (key.spread() >> 32) as usize & (self.stripes.len() - 1);
        &self.stripes[position]
    }

    /// A feed that nobody has any more has no entries: those keep theirs.
    fn each_feed(&self, mut visit: impl FnMut(&Feed)) {
        self.feeds.lock().open.iter().filter_map(Weak::upgrade).for_each(|feed| visit(&feed));
    }
}

/// Those that somebody still has, be it an entry.
#[derive(Default)]
struct Feeds {
    open: Vec<Weak<Feed>>,
    next_number: u32,
}

impl<V> fmt::Debug for LocalCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
