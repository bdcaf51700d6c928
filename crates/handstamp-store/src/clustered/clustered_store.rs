use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use handstamp_core::cache::CacheStats;
use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::{Invalidation, NodeId};
use handstamp_core::keys::KeyRing;
use handstamp_core::record::Revision;
use handstamp_core::time::Timestamp;

use super::coordinator::Coordinator;
use super::node::Node;
use super::settings::NodeSettings;
use super::stats::BusStats;
use super::status::Status;
use super::write_scope::WriteScope;
use crate::{Bus, BusError, Clock, Store};

/// One node of a cluster: a store, a bus and a local cache.
///
/// Reads are served from the local cache while the node has a recent proof, a *fence* on its subscription, that every invalidation has
/// arrived; otherwise from the store. Writes go to the store, which publishes an invalidation to all nodes in the same step; the cache
/// of this node then has what was written.
///
/// The layer above decodes the values that are cached. A session must always be loaded as the same type.
pub struct ClusteredStore {
    pub(super) node: Arc<Node>,
    pub(super) coordinator: Coordinator,
}

impl ClusteredStore {
    /// Starts a node on a store and the bus that belongs to it. All nodes must have the same `keys`.
    ///
    /// This starts the tasks that listen on the bus, on the current tokio runtime. They end with [`shutdown`](Self::shutdown), or when
    /// this is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        store: impl Store,
        bus: impl Bus,
        keys: &KeyRing,
        node_id: NodeId,
        clock: Arc<dyn Clock>,
        settings: NodeSettings,
    ) -> Self {
        let bus = Arc::new(bus);
        let node = Arc::new(Node::new(store, bus.clone(), keys, node_id, clock, settings));
        let coordinator = Coordinator::start(node.clone(), bus);
        Self { node, coordinator }
    }

    /// The writes of one request, which share one save budget. It begins now.
    #[must_use]
    pub fn writes(&self) -> WriteScope<'_> {
        WriteScope::new(&self.node)
    }

    /// Drops the cached copies of a session on every node. The session itself is unchanged.
    ///
    /// # Errors
    ///
    /// If the bus cannot be reached. The copy of this node is dropped in any case.
    pub async fn invalidate_everywhere(&self, key: &SessionKey) -> Result<(), BusError> {
        self.evict(key);
        let any_revision = Invalidation::SessionInvalidated(*key, Revision::LATEST);
        let shard = self.node.store.shard_of(key);
        let message = self.node.encode(&any_revision, self.node.clock.now());
        self.node.bus.publish(shard, message).await
    }

    /// Clears the caches of every node.
    ///
    /// # Errors
    ///
    /// If the bus cannot be reached. The cache of this node is cleared in any case.
    pub async fn clear_all_caches(&self) -> Result<(), BusError> {
        self.clear_local_cache();
        let message = self.node.encode(&Invalidation::CacheClear, self.node.clock.now());
        let shards = self.node.store.shards().current();
        if shards.is_empty() {
            return Err(BusError::new("no shard of the store is known"));
        }
        let published = shards.into_iter().map(|shard| self.node.bus.publish(shard, message.clone()));
        // All of them, also if one fails.
        join_all(published).await.into_iter().collect()
    }

    /// Drops the cached copy of a session on this node.
    pub fn evict(&self, key: &SessionKey) {
        self.node.invalidate(key, None);
    }

    /// Clears the caches of this node.
    pub fn clear_local_cache(&self) {
        self.node.clear();
    }

    /// The number of sessions in the cache of this node.
    #[must_use]
    pub fn cached_sessions(&self) -> usize {
        self.node.cache.sessions.entries.len()
    }

    /// The counters of the local cache.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.node.cache.sessions.entries.stats()
    }

    /// The messages that this node has received over the bus so far.
    #[must_use]
    pub fn bus_stats(&self) -> BusStats {
        self.node.counters.stats()
    }

    /// How often the store had an older record of a session than this node: it has lost a save, or an old record was put back. The node
    /// loads it a second time, and then uses what the store has: a seal proves that a record is authentic, not that it is the latest.
    #[must_use]
    pub fn outdated_records(&self) -> u64 {
        self.node.counters.outdated_records()
    }

    /// The clock of this node.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.node.clock
    }

    /// The wall-clock time that all nodes share: that of the store, or of this node if the store has no clock or has not returned its time
    /// yet. Deadlines are compared with it if the [time is known](Self::is_time_known).
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.node.timestamp()
    }

    /// The [`timestamp`](Self::timestamp) at the instant `now`, which has just been read from the [`clock`](Self::clock).
    #[must_use]
    pub fn timestamp_at(&self, now: Instant) -> Timestamp {
        self.node.timestamp_at(now)
    }

    /// The name of this node.
    #[must_use]
    pub fn node_id(&self) -> &NodeId {
        self.node.codec.node()
    }

    /// Stops the listeners, sends pending deletes once more, and closes the store. All later calls fail, and nothing is served from the
    /// cache.
    pub async fn shutdown(&self) {
        self.coordinator.stop().await;
        let shards = self.node.store.shards().current();
        join_all(shards.into_iter().map(|shard| self.node.send_pending_deletes(shard, 0))).await;
        let count = self.node.deletes.pending_len();
        if count > 0 {
            tracing::error!(
                count,
                "deletes are not confirmed by the store: records that it still has expire with their time to live"
            );
        }
        self.node.close();
        self.node.store.close().await;
    }
}

impl fmt::Debug for ClusteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusteredStore")
            .field("node", self.node.codec.node())
            .field("settings", &self.node.settings)
            .field("status", &self.coordinator.status(Status::clone))
            .finish_non_exhaustive()
    }
}
