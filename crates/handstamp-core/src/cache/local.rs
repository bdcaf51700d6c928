use std::fmt;
use std::time::Instant;

use super::shard::Shard;
use super::sync::{AtomicU64, Mutex, Ordering};
use super::{CacheStats, Ticket};
use crate::id::SessionKey;
use crate::record::Revision;

/// Values by session key, as many as were asked for at most.
///
/// `V` is cloned out on every hit; an [`Arc`](std::sync::Arc) is meant.
pub struct LocalCache<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    generation: AtomicU64,
}

impl<V> LocalCache<V> {
    /// A cache of at most `max_entries` entries. With none it is always empty, which is a way to do without.
    #[must_use]
    pub fn new(max_entries: usize) -> Self {
        let shards = (max_entries / MIN_SHARD_CAPACITY).clamp(1, MAX_SHARDS).next_power_of_two();
        let capacity = max_entries / shards;
        Self {
            shards: (0..shards).map(|_| Mutex::new(Shard::new(capacity))).collect(),
            generation: AtomicU64::new(0),
        }
    }

    /// The value of `key`, if there is one of this generation that is in date.
    #[must_use]
    pub fn get(&self, key: &SessionKey, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        let generation = self.generation();
        self.shard(key).lock().get(key, generation, now)
    }

    /// The value of `key`, if there is one of this generation whose session has not ended, be it out of date. For
    /// when the store cannot be asked.
    #[must_use]
    pub fn get_outdated(&self, key: &SessionKey, now: Instant) -> Option<V>
    where
        V: Clone,
    {
        let generation = self.generation();
        self.shard(key).lock().get_outdated(key, generation, now)
    }

    /// Announces that the store is about to be asked for `key`, or to be told its new value. The ticket is the
    /// only way to put the answer into the cache.
    pub fn begin(&self, key: &SessionKey) -> Ticket<'_, V> {
        Ticket::new(self, *key)
    }

    /// Drops what is known of `key`, unless it is `saved` or later than it; `None` means that no revision
    /// survives, because the session was deleted. Open tickets are spoilt likewise.
    pub fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        let dropped = self.shard(key).lock().invalidate(key, saved);
        // The lock is free again when the value's own `Drop` runs.
        drop(dropped);
    }

    /// Declares what is held for `key` to be out of date, because a write may have changed it or not. Open tickets
    /// are spoilt.
    pub fn doubt(&self, key: &SessionKey, now: Instant) {
        self.shard(key).lock().doubt(key, now);
    }

    /// Drops everything, and spoils every open ticket.
    pub fn clear(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// How many times the cache was cleared.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The number of entries, those of earlier generations not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stats().size
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the cache has done so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let generation = self.generation();
        self.shards.iter().map(|shard| shard.lock().stats(generation)).sum()
    }

    pub(super) fn shard(&self, key: &SessionKey) -> &Mutex<Shard<V>> {
        // Not the bits that the shard's own map goes by.
        let position = (key.spread() >> 32) as usize & (self.shards.len() - 1);
        &self.shards[position]
    }
}

impl<V> fmt::Debug for LocalCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// More shards than cores, so that two requests seldom meet at one lock.
const MAX_SHARDS: usize = 16;

/// A small cache is not cut into pieces: which entries give way would depend on how the keys fall.
const MIN_SHARD_CAPACITY: usize = 64;
