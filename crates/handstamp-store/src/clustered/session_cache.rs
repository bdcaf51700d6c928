use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cache::Capacity;
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;

use super::cached::{Absence, SharedSession};
use super::caches::ManagedCache;
use super::in_flight::InFlightLoads;
use super::recent_changes::RecentChanges;
use super::settings::NodeSettings;
use super::sharded_cache::ShardedCache;
use crate::{Clock, Shard};

/// The sessions that a node has cached, with the loads in progress and the recent changes, which depend on the same invalidations.
pub(super) struct SessionCache {
    pub(super) sessions: ShardedCache<SharedSession, Absence>,
    pub(super) loads: Arc<InFlightLoads>,
    /// Only where sessions are loaded from replicas.
    pub(super) recent_changes: Option<RecentChanges>,
    clock: Arc<dyn Clock>,
}

impl SessionCache {
    pub(super) fn new(settings: &NodeSettings, reads_from_replicas: bool, clock: Arc<dyn Clock>) -> Self {
        let capacity = Capacity { entries: settings.cache_max_entries, bytes: settings.cache_max_bytes };
        Self {
            sessions: ShardedCache::new(capacity, clock.clone(), settings.max_staleness),
            loads: Arc::default(),
            recent_changes: reads_from_replicas.then(|| RecentChanges::new(clock.now())),
            clock,
        }
    }

    /// Before the cache: a fill ticket that is taken after an invalidation must not be completed with the older data of a replica.
    fn record_change(&self, key: &SessionKey) {
        if let Some(changes) = &self.recent_changes {
            changes.record(key, self.clock.now());
        }
    }
}

impl ManagedCache for SessionCache {
    fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        self.record_change(key);
        self.sessions.invalidate(key, saved);
        // Last: a load that is joined before this has a spoilt ticket, and loads a second time.
        self.loads.detach(key);
    }

    /// Keeps the entry for an outage only.
    fn mark_stale(&self, key: &SessionKey) {
        self.record_change(key);
        self.sessions.entries.mark_stale(key, self.clock.now());
        self.loads.detach(key);
    }

    fn clear(&self) {
        self.sessions.clear();
    }

    fn start_generation(&self, shard: Shard) {
        if let Some(changes) = &self.recent_changes {
            changes.record_unknown(self.clock.now());
        }
        self.sessions.start_generation(shard);
    }

    fn record_fence(&self, shard: Shard, sent_at: Instant) {
        self.sessions.record_fence(shard, sent_at);
    }

    fn distrust(&self, shard: Shard) {
        self.sessions.distrust(shard);
    }

    fn remove_shard(&self, shard: Shard) {
        self.sessions.remove_shard(shard);
    }

    fn retain_shards(&self, shards: &BTreeSet<Shard>) {
        self.sessions.retain_shards(shards);
    }
}
