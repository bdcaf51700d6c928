use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Instant;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;
use parking_lot::RwLock;

use crate::Shard;

/// A local cache that the listeners of a node keep up to date.
pub(super) trait ManagedCache: Send + Sync {
    /// Drops the entry of `key`, unless it has the revision `saved` or a later one.
    fn invalidate(&self, key: &SessionKey, saved: Option<Revision>);

    /// Drops everything.
    fn clear(&self);

    /// Drops everything that was loaded from the shard.
    fn start_generation(&self, shard: Shard);

    /// Every invalidation that the shard published before `sent_at` has been applied.
    fn record_fence(&self, shard: Shard, sent_at: Instant);

    /// Serves nothing that was loaded from the shard until the next fence.
    fn distrust(&self, shard: Shard);

    /// Serves nothing that was loaded from the shard any more.
    fn remove_shard(&self, shard: Shard);

    /// Serves nothing any more that was loaded from other shards.
    fn retain_shards(&self, shards: &BTreeSet<Shard>);
}

/// The caches of a node. All share the subscriptions and fences of its listeners.
#[derive(Default)]
pub(super) struct Caches(RwLock<Vec<Weak<dyn ManagedCache>>>);

impl Caches {
    /// Adds a cache, until it is dropped.
    pub(super) fn add(&self, cache: Weak<dyn ManagedCache>) {
        let mut caches = self.0.write();
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(cache);
    }

    pub(super) fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        self.each(|cache| cache.invalidate(key, saved));
    }

    pub(super) fn clear(&self) {
        self.each(|cache| cache.clear());
    }

    pub(super) fn start_generation(&self, shard: Shard) {
        self.each(|cache| cache.start_generation(shard));
    }

    pub(super) fn record_fence(&self, shard: Shard, sent_at: Instant) {
        self.each(|cache| cache.record_fence(shard, sent_at));
    }

    pub(super) fn distrust(&self, shard: Shard) {
        self.each(|cache| cache.distrust(shard));
    }

    pub(super) fn remove_shard(&self, shard: Shard) {
        self.each(|cache| cache.remove_shard(shard));
    }

    pub(super) fn retain_shards(&self, shards: &BTreeSet<Shard>) {
        self.each(|cache| cache.retain_shards(shards));
    }

    fn each(&self, visit: impl Fn(&dyn ManagedCache)) {
        let caches: Vec<Arc<dyn ManagedCache>> = self.0.read().iter().filter_map(Weak::upgrade).collect();
        // Without the lock: this may drop the last reference to a cache, with values of the application.
        caches.iter().for_each(|cache| visit(&**cache));
    }
}
