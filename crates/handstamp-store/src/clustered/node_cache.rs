use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::cache::{CacheStats, Capacity, Expiry};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;

use super::caches::ManagedCache;
use super::clustered_store::ClusteredStore;
use super::node::Node;
use super::sharded_cache::ShardedCache;

/// A local cache for values that depend on sessions, beside that of the sessions themselves: see
/// [`ClusteredStore::add_cache`]. Clones are the same cache.
pub struct NodeCache<V> {
    node: Arc<Node>,
    cache: Arc<ShardedCache<V>>,
}

/// A value for a [`NodeCache`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheFill<V> {
    /// The value.
    pub value: V,
    /// The revision of the record that the value was computed from.
    pub revision: Revision,
    /// An estimate of the memory that it takes, in bytes.
    pub size: usize,
    /// The time to live of the value.
    pub ttl: Duration,
}

impl<V> CacheFill<V> {
    /// A value that is valid for `ttl`.
    #[must_use]
    pub const fn new(value: V, revision: Revision, size: usize, ttl: Duration) -> Self {
        Self { value, revision, size, ttl }
    }
}

impl ClusteredStore {
    /// Adds a cache to this node. It shares the subscriptions and fences of the node: it receives the same invalidations, and serves
    /// its entries only while the node can prove that every invalidation has arrived, beginning with the next fence. It lasts until its last
    /// clone is dropped.
    #[must_use]
    pub fn add_cache<V: Clone + Send + Sync + 'static>(&self, capacity: Capacity) -> NodeCache<V> {
        let (clock, max_staleness) = (self.node.clock.clone(), self.node.settings.max_staleness);
        let cache = Arc::new(ShardedCache::new(capacity, clock, max_staleness));
        // Fences count for a shard from here on.
        self.node.store.shards().current().into_iter().for_each(|shard| drop(cache.freshness(shard)));
        let managed: Arc<dyn ManagedCache> = cache.clone();
        self.node.caches.add(Arc::downgrade(&managed));
        NodeCache { node: self.node.clone(), cache }
    }
}

impl<V: Clone + Send + Sync + 'static> NodeCache<V> {
    /// The value of `key`, if it can be served.
    #[must_use]
    pub fn get(&self, key: &SessionKey) -> Option<V> {
        self.cache.entries.get(key, self.node.clock.now())
    }

    /// The value of `key` from the cache, or from `load`. A value is not cached if the session was changed while it was loaded.
    ///
    /// # Errors
    ///
    /// Those of `load`.
    pub async fn get_or_load<E>(
        &self,
        key: &SessionKey,
        load: impl Future<Output = Result<CacheFill<V>, E>>,
    ) -> Result<V, E> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let shard = self.node.shard_of(key);
        let freshness = self.cache.freshness(shard.shard);
        let ticket = self.cache.entries.begin_fill(key, &freshness);
        let now = self.node.clock.now();
        let CacheFill { value, revision, size, ttl } = load.await?;
        if self.node.is_in(key, &shard) {
            let expiry = Expiry { fresh_until: now + ttl, session_ends: now + ttl };
            let _ = ticket.complete(Some(revision), value.clone(), size, expiry);
        }
        Ok(value)
    }

    /// Removes the value of `key` from this cache only.
    pub fn remove(&self, key: &SessionKey) {
        self.cache.entries.invalidate(key, None);
    }

    /// What the cache has done so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.cache.entries.stats()
    }
}

impl<V> Clone for NodeCache<V> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), cache: self.cache.clone() }
    }
}

impl<V> fmt::Debug for NodeCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCache").field("entries", &self.cache.entries).finish_non_exhaustive()
    }
}
