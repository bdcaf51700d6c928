//! One node of a cluster: a store, a bus and a local cache as one thing.

mod clearing;
mod coordinator;
mod decoded;
mod deletes;
mod end;
mod find;
mod flight;
mod inbox;
mod lane;
mod lately;
mod listener;
mod loads;
mod monitor;
mod node;
mod proofs;
mod reads;
mod retry;
mod reuse;
mod settings;
mod shared_time;
mod stats;
mod status;
mod unknown_keys;
mod upkeep;
mod writes;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use handstamp_core::cache::{CacheStats, Capacity, LocalCache};
use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::{Invalidation, InvalidationCodec, NodeId};
use handstamp_core::keys::KeyRing;
use handstamp_core::record::{Revision, Sealer};
use handstamp_core::throttle::Throttle;
use handstamp_core::time::Timestamp;

use self::coordinator::Coordinator;
pub use self::decoded::{CacheEntry, Decoded, Loaded};
pub use self::end::EndOutcome;
use self::lately::Lately;
use self::node::Node;
pub use self::settings::NodeSettings;
use self::shared_time::SharedTime;
pub use self::stats::BusStats;
use self::status::Status;
pub use self::writes::WriteScope;
use crate::{Bus, BusError, Clock, Store};

/// The store as one node sees it.
///
/// Reads are answered by the local cache while the node can prove, by a *fence* on its subscription, that it has
/// heard of every invalidation, and by the store when it cannot. Writes go to the store, which tells all nodes in
/// the same step; this node's cache then holds what was written.
///
/// Values are cached as the layer above decodes them. Each session must always be asked for as the same type.
pub struct ClusteredStore {
    node: Arc<Node>,
    coordinator: Coordinator,
}

/// What a read finds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup<V> {
    /// There is no such session, as far as the store knows.
    Absent,
    /// The session has ended, less than half a minute ago.
    Ended,
    /// The session has moved to another id, less than half a minute ago.
    Moved,
    /// The session.
    Found(V),
    /// There is a record that no node can read.
    Unreadable,
}

impl<V> From<Lookup<V>> for Option<V> {
    fn from(lookup: Lookup<V>) -> Self {
        match lookup {
            Lookup::Absent | Lookup::Ended | Lookup::Moved | Lookup::Unreadable => None,
            Lookup::Found(session) => Some(session),
        }
    }
}

impl ClusteredStore {
    /// A node on this store and bus, which belong together: what the store publishes comes out of the bus. All nodes have the
    /// same `keys`.
    ///
    /// This starts the task that listens on the bus, on the current tokio runtime. It ends with
    /// [`shutdown`](Self::shutdown), or when this is dropped.
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
        let capacity = Capacity { sessions: settings.cache_max_entries, bytes: settings.cache_max_bytes };
        let bus = Arc::new(bus);
        let node = Arc::new(Node {
            lately: store.reads_from_replicas().then(|| Lately::new(clock.now())),
            store: Box::new(store),
            bus: bus.clone(),
            cache: LocalCache::new(capacity),
            loads_in_flight: Default::default(),
            lanes: Default::default(),
            deletes: Default::default(),
            deletes_log: Default::default(),
            malformed_log: Throttle::new(A_MINUTE),
            outdated_log: Throttle::new(A_MINUTE),
            unknown_key_log: Throttle::new(A_MINUTE),
            messenger: InvalidationCodec::new(keys, node_id),
            sealer: Sealer::new(keys),
            time: SharedTime::new(clock.now()),
            unknown_time_told: Default::default(),
            clock,
            settings,
            counters: Default::default(),
            closed: Default::default(),
            has_written: Default::default(),
            unknown_keys: Default::default(),
        });
        let coordinator = Coordinator::start(node.clone(), bus);
        Self { node, coordinator }
    }

    /// The writes of one request, which share one save budget. It begins to run now.
    #[must_use]
    pub fn writes(&self) -> WriteScope<'_> {
        WriteScope::new(&self.node)
    }

    /// Makes every node forget its copy of a session. The session itself stays as it is.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached.
    pub async fn invalidate_everywhere(&self, key: &SessionKey) -> Result<(), BusError> {
        self.evict(key);
        let any_revision = Invalidation::SessionInvalidated(*key, Revision::LATEST);
        let shard = self.node.store.shard_of(key);
        self.node.bus.publish(shard, self.node.message(&any_revision)).await
    }

    /// Makes every node clear its cache.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached. This node's cache is cleared all the same.
    pub async fn clear_all_caches(&self) -> Result<(), BusError> {
        self.clear_local_cache();
        let message = self.node.message(&Invalidation::CacheClear);
        let shards = self.node.store.shards().current();
        if shards.is_empty() {
            return Err(BusError::new("no shard of the store is known"));
        }
        let published = shards.into_iter().map(|shard| self.node.bus.publish(shard, message.clone()));
        // All of them, also if one fails.
        join_all(published).await.into_iter().collect()
    }

    /// Makes this node forget its copy of a session.
    pub fn evict(&self, key: &SessionKey) {
        self.node.forget(key, None);
    }

    /// Clears the cache of this node.
    pub fn clear_local_cache(&self) {
        self.node.clear();
    }

    /// How many sessions this node has copies of.
    #[must_use]
    pub fn cached_sessions(&self) -> usize {
        self.node.cache.len()
    }

    /// What the local cache has done so far.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.node.cache.stats()
    }

    /// What was heard over the bus so far.
    #[must_use]
    pub fn bus_stats(&self) -> BusStats {
        self.node.counters.stats()
    }

    /// How often the store had an older record of a session than this node knew: it has lost a save, or was given an old record.
    /// The store is asked again, and what it has then counts: a seal says that a record is authentic, not that it is the latest.
    #[must_use]
    pub fn outdated_records(&self) -> u64 {
        self.node.counters.outdated_records()
    }

    /// The clock that this node lives by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.node.clock
    }

    /// The wall-clock time that all nodes share: that of the store, and this node's own if the store has no clock, or has not
    /// told its time yet. Deadlines go by this, as far as the [time is known](Self::is_time_known).
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.node.timestamp()
    }

    /// Whether the store has told its time since this node began, or has no clock of its own. Otherwise
    /// [`timestamp`](Self::timestamp) may be wrong, and nothing may be judged by it.
    #[must_use]
    pub fn is_time_known(&self) -> bool {
        self.node.time.is_known()
    }

    /// The name of this node.
    #[must_use]
    pub fn node_id(&self) -> &NodeId {
        self.node.messenger.node()
    }

    /// Whether the task that listens on the bus runs, and has a live subscription to every shard.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.coordinator.status(Status::is_running)
    }

    /// Whether the store could be reached when it was last asked, all shards of it, and is known to take writes. It is asked several
    /// times within `max_staleness`, and by nothing that this does.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.coordinator.status(Status::is_healthy)
    }

    /// Whether at least one shard of the store is healthy: then some sessions are as well as ever.
    #[must_use]
    pub fn is_partly_healthy(&self) -> bool {
        self.coordinator.status(Status::is_healthy_in_part)
    }

    /// Whether all shards of the store could be reached, be it that they take no writes.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.coordinator.status(Status::is_reachable)
    }

    /// Whether at least one shard of the store could be reached, be it that it takes no writes.
    #[must_use]
    pub fn is_partly_reachable(&self) -> bool {
        self.coordinator.status(Status::is_reachable_in_part)
    }

    /// Whether at least one shard of the store is known to take writes.
    #[must_use]
    pub fn is_partly_writable(&self) -> bool {
        self.coordinator.status(Status::is_writable_in_part)
    }

    /// Whether no write has ever been found to work, although the store can be reached or is known to take none: then this
    /// node is of no use, or not yet.
    #[must_use]
    pub fn has_never_been_writable(&self) -> bool {
        self.coordinator.status(Status::lacks_writes) && !self.node.has_written.load(Ordering::Relaxed)
    }

    /// Whether this node's wall clock differs from the store's by five seconds or more. Sessions go by the store's.
    #[must_use]
    pub fn is_clock_skewed(&self) -> bool {
        self.coordinator.status(Status::is_clock_off)
    }

    /// Whether a record was loaded within the last minute that is sealed under a secret that this node does not have.
    #[must_use]
    pub fn is_missing_secret(&self) -> bool {
        self.node.unknown_keys.were_seen_lately(self.node.clock.now())
    }

    /// Whether the shard that the session lies in could be reached.
    #[must_use]
    pub fn is_reachable_for(&self, key: &SessionKey) -> bool {
        self.coordinator.status(|status| {
            // As a rule all could be, and nobody has to know which it is.
            status.is_reachable() || status.of(self.node.store.shard_of(key)).reachable == Some(true)
        })
    }

    /// Waits until this node listens to all shards of the store and has asked each once. Never returns if one cannot be
    /// reached.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait_until_ready(&self) {
        self.coordinator.settled().await;
    }

    /// Stops listening, and lets go of the store. All later calls fail, and nothing is served from the cache.
    pub async fn shutdown(&self) {
        self.coordinator.stop().await;
        let shards = self.node.store.shards().current();
        join_all(shards.into_iter().map(|shard| self.node.send_pending_deletes(shard, 0))).await;
        let count = self.node.deletes.pending_len();
        if count > 0 {
            tracing::error!(
                count,
                "deletes are not confirmed by the store: what it has of these sessions ends with its time"
            );
        }
        self.node.close();
        self.node.store.close().await;
    }
}

impl fmt::Debug for ClusteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusteredStore")
            .field("node", self.node.messenger.node())
            .field("settings", &self.node.settings)
            .field("status", &self.coordinator.status(Status::clone))
            .finish_non_exhaustive()
    }
}

/// Between two log lines that anybody with access to the store can cause.
const A_MINUTE: Duration = Duration::from_secs(60);
