use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::cache::{CachedSession, Capacity, Freshness, LocalCache};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use parking_lot::RwLock;

use super::caches::ManagedCache;
use crate::{Clock, Shard};

/// A local cache with the freshness of each shard. An entry refers to the freshness of the shard that it was loaded from, so a cached
/// read looks up no shard.
pub(super) struct ShardedCache<S, A> {
    pub(super) entries: LocalCache<S, A>,
    shards: RwLock<HashMap<Shard, ShardFreshness>>,
    clock: Arc<dyn Clock>,
    max_staleness: Duration,
}

struct ShardFreshness {
    freshness: Arc<Freshness>,
    created_at: Instant,
}

impl<S: CachedSession, A> ShardedCache<S, A> {
    pub(super) fn new(capacity: Capacity, clock: Arc<dyn Clock>, max_staleness: Duration) -> Self {
        Self { entries: LocalCache::new(capacity), shards: RwLock::default(), clock, max_staleness }
    }

    pub(super) fn freshness(&self, shard: Shard) -> Arc<Freshness> {
        if let Some(state) = self.shards.read().get(&shard) {
            return state.freshness.clone();
        }
        let create = || {
            let created_at = self.clock.now();
            let freshness = self.entries.new_freshness(created_at, self.max_staleness);
            ShardFreshness { freshness, created_at }
        };
        self.shards.write().entry(shard).or_insert_with(create).freshness.clone()
    }

    /// Whether any shard was fresh within `limit` before `now`.
    pub(super) fn was_fresh(&self, now: Instant, limit: Duration) -> bool {
        self.shards.read().values().any(|state| state.freshness.was_fresh(now, limit))
    }
}

impl<S: CachedSession + Send + Sync, A: Send + Sync> ManagedCache for ShardedCache<S, A> {
    fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        self.entries.invalidate(key, saved);
    }

    fn clear(&self) {
        self.entries.clear();
    }

    fn start_generation(&self, shard: Shard) {
        self.freshness(shard).start_generation();
    }

    fn record_fence(&self, shard: Shard, sent_at: Instant) {
        if let Some(state) = self.shards.read().get(&shard)
            // A `Freshness` knows no time before its creation, and would count an earlier fence from there.
            && sent_at >= state.created_at
        {
            state.freshness.record_fence(sent_at);
        }
    }

    fn distrust(&self, shard: Shard) {
        self.freshness(shard).distrust();
    }

    fn remove_shard(&self, shard: Shard) {
        if let Some(state) = self.shards.write().remove(&shard) {
            // Entries still refer to it.
            state.freshness.distrust();
        }
    }

    fn retain_shards(&self, shards: &BTreeSet<Shard>) {
        let removed = self.shards.write().extract_if(|shard, _| !shards.contains(shard)).collect::<Vec<_>>();
        removed.iter().for_each(|(_, state)| state.freshness.distrust());
    }
}

#[cfg(test)]
mod tests {
    use handstamp_core::cache::Versioned;

    use super::*;
    use crate::ManualClock;

    const MAX_STALENESS: Duration = Duration::from_secs(2);

    fn cache(clock: &ManualClock) -> ShardedCache<Versioned<()>, ()> {
        let capacity = Capacity { entries: 10, bytes: 1_000 };
        ShardedCache::new(capacity, Arc::new(clock.clone()), MAX_STALENESS)
    }

    #[test]
    fn a_fence_that_was_sent_before_the_shard_was_used_does_not_count() {
        let clock = ManualClock::new();
        let cache = cache(&clock);
        let early = clock.now();
        clock.advance(Duration::from_secs(1));
        let freshness = cache.freshness(Shard::ONLY);
        cache.record_fence(Shard::ONLY, early);
        assert!(!freshness.is_fresh(clock.now()));
        cache.record_fence(Shard::ONLY, clock.now());
        assert!(freshness.is_fresh(clock.now()) && cache.was_fresh(clock.now(), MAX_STALENESS));
    }

    #[test]
    fn a_removed_shard_is_not_fresh_any_more() {
        let clock = ManualClock::new();
        let cache = cache(&clock);
        let remove = || cache.remove_shard(Shard::ONLY);
        let retain_others = || cache.retain_shards(&BTreeSet::from([Shard::new(7)]));
        for remove in [&remove as &dyn Fn(), &retain_others] {
            let freshness = cache.freshness(Shard::ONLY);
            cache.record_fence(Shard::ONLY, clock.now());
            assert!(freshness.is_fresh(clock.now()));
            remove();
            assert!(!freshness.is_fresh(clock.now()));
            assert!(!cache.freshness(Shard::ONLY).is_fresh(clock.now()), "it starts again");
        }
    }
}
