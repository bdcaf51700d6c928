use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::cache::{Capacity, Freshness, LocalCache};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use parking_lot::RwLock;

use super::caches::ManagedCache;
use crate::{Clock, Shard};

/// A local cache with the freshness of each shard. An entry refers to the freshness of the shard that it was loaded from, so a cached
/// read looks up no shard.
pub(super) struct ShardedCache<V> {
    pub(super) entries: LocalCache<V>,
    shards: RwLock<HashMap<Shard, Arc<Freshness>>>,
    clock: Arc<dyn Clock>,
    max_staleness: Duration,
}

impl<V> ShardedCache<V> {
    pub(super) fn new(capacity: Capacity, clock: Arc<dyn Clock>, max_staleness: Duration) -> Self {
        Self { entries: LocalCache::new(capacity), shards: RwLock::default(), clock, max_staleness }
    }

    pub(super) fn freshness(&self, shard: Shard) -> Arc<Freshness> {
        if let Some(freshness) = self.shards.read().get(&shard) {
            return freshness.clone();
        }
        let create = || self.entries.new_freshness(self.clock.now(), self.max_staleness);
        self.shards.write().entry(shard).or_insert_with(create).clone()
    }

    /// Whether any shard was fresh within `limit` before `now`.
    pub(super) fn was_fresh(&self, now: Instant, limit: Duration) -> bool {
        self.shards.read().values().any(|freshness| freshness.was_fresh(now, limit))
    }
}

impl<V: Send + Sync> ManagedCache for ShardedCache<V> {
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
        self.freshness(shard).record_fence(sent_at);
    }

    fn distrust(&self, shard: Shard) {
        self.freshness(shard).distrust();
    }

    fn remove_shard(&self, shard: Shard) {
        if let Some(freshness) = self.shards.write().remove(&shard) {
            // Entries still refer to it.
            freshness.distrust();
        }
    }

    fn retain_shards(&self, shards: &BTreeSet<Shard>) {
        let removed = self.shards.write().extract_if(|shard, _| !shards.contains(shard)).collect::<Vec<_>>();
        removed.iter().for_each(|(_, freshness)| freshness.distrust());
    }
}
