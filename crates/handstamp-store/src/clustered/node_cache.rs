use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use handstamp_core::cache::{CacheStats, Capacity, Expiry, Found, Versioned};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;

use super::caches::ManagedCache;
use super::clustered_store::ClusteredStore;
use super::node::{MAX_TTL, Node, jittered};
use super::sharded_cache::ShardedCache;
use crate::{Clock, Shard};

/// A local cache for values that depend on sessions, beside that of the sessions themselves: see
/// [`ClusteredStore::add_cache`]. Clones are the same cache.
///
/// Every hit clones the value, so a large `V` should be an [`Arc`]. A value may be dropped by the tasks that listen for invalidations: its
/// `drop` must not block.
///
/// It does not keep the [`ClusteredStore`] alive. Once that is dropped or shut down, values are loaded each time.
pub struct NodeCache<V> {
    /// Weak, because an application keeps its caches in its state, and the tasks of the node end with the `ClusteredStore`.
    node: Weak<Node>,
    /// Nothing is cached for a key without a value.
    cache: Arc<ShardedCache<Versioned<V>, Infallible>>,
    clock: Arc<dyn Clock>,
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
    /// The time to live of the value. Up to a tenth is subtracted, so that values that were added together do not expire together.
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
        let cache = Arc::new(ShardedCache::new(capacity, clock.clone(), max_staleness));
        // Fences count for a shard from here on.
        self.node.store.shards().current().into_iter().for_each(|shard| drop(cache.freshness(shard)));
        let managed: Arc<dyn ManagedCache> = cache.clone();
        self.node.caches.add(Arc::downgrade(&managed));
        NodeCache { node: Arc::downgrade(&self.node), cache, clock }
    }
}

impl<V: Clone + Send + Sync + 'static> NodeCache<V> {
    /// The value of `key`, if it can be served.
    #[must_use]
    pub fn get(&self, key: &SessionKey) -> Option<V> {
        match self.cache.entries.get(key, self.clock.now())? {
            Found::Session(session) => Some(session.value),
            Found::Absence(never) => match never {},
        }
    }

    /// The value of `key` from the cache, or from `load`. It is not cached if the session was changed during the load, or has ended on this
    /// node.
    ///
    /// `load` is a closure, so that the load cannot begin before this watches for invalidations. It has to read the session through the
    /// same node or the store, and must not use what was read before. Concurrent calls do not share a load.
    ///
    /// # Errors
    ///
    /// As with `load`.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is cached.
    pub async fn get_or_load<E>(
        &self,
        key: &SessionKey,
        load: impl AsyncFnOnce() -> Result<CacheFill<V>, E>,
    ) -> Result<V, E> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let Some(shard) = self.shard_of(key) else { return load().await.map(|fill| fill.value) };
        let freshness = self.cache.freshness(shard);
        let ticket = self.cache.entries.begin_fill(key, &freshness);
        // After the ticket: a delete that begins from here on spoils it.
        let is_deleted = self.node.upgrade().is_none_or(|node| node.delete_reason(key).is_some());
        let now = self.clock.now();
        let CacheFill { value, revision, size, ttl } = load().await?;
        if !is_deleted && self.shard_of(key) == Some(shard) {
            let expires_at = now + jittered(ttl.min(MAX_TTL), key);
            let expiry = Expiry { fresh_until: expires_at, session_ends: expires_at };
            let _ = ticket.complete(Versioned::new(*key, revision, value.clone()), size, expiry);
        }
        Ok(value)
    }

    /// Removes the value of `key` from this cache only.
    pub fn remove(&self, key: &SessionKey) {
        self.cache.entries.invalidate(key, None);
    }

    /// The counters of the cache.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.cache.entries.stats()
    }

    /// `None` if the node is gone.
    fn shard_of(&self, key: &SessionKey) -> Option<Shard> {
        self.node.upgrade().map(|node| node.store.shard_of(key))
    }
}

impl<V> Clone for NodeCache<V> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), cache: self.cache.clone(), clock: self.clock.clone() }
    }
}

impl<V> fmt::Debug for NodeCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCache").field("entries", &self.cache.entries).finish_non_exhaustive()
    }
}
