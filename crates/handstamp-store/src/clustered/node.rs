use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::cache::Expiry;
use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::{Invalidation, InvalidationCodec, NodeId};
use handstamp_core::keys::KeyRing;
use handstamp_core::record::{Revision, Sealer};

use super::caches::Caches;
use super::deletes::Deletes;
use super::log_limits::LogLimits;
use super::sent_messages::SentMessages;
use super::session_cache::SessionCache;
use super::settings::NodeSettings;
use super::shard_state::{ShardState, ShardStates};
use super::shared_time::SharedTime;
use super::stats::Counters;
use super::unknown_keys::UnknownKeys;
use crate::{Bus, Clock, DynBus, DynStore, Shard, Store, StoreError};

/// The state that the requests of a node share with its listeners.
pub(super) struct Node {
    pub(super) store: Box<dyn DynStore>,
    pub(super) bus: Arc<dyn DynBus>,
    pub(super) shards: ShardStates,
    pub(super) cache: Arc<SessionCache>,
    /// All caches of the node, including that of the sessions.
    pub(super) caches: Caches,
    pub(super) deletes: Deletes,
    pub(super) codec: InvalidationCodec,
    pub(super) sent_messages: SentMessages,
    pub(super) sealer: Sealer,
    pub(super) unknown_keys: UnknownKeys,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) time: SharedTime,
    pub(super) settings: NodeSettings,
    pub(super) counters: Counters,
    pub(super) log_limits: LogLimits,
    /// Whether a check of writes has ever succeeded.
    pub(super) has_written: AtomicBool,
    is_closed: AtomicBool,
}

impl Node {
    pub(super) fn new(
        store: impl Store,
        bus: Arc<impl Bus>,
        keys: &KeyRing,
        node_id: NodeId,
        clock: Arc<dyn Clock>,
        settings: NodeSettings,
    ) -> Self {
        let cache = Arc::new(SessionCache::new(&settings, store.reads_from_replicas(), clock.clone()));
        Self {
            store: Box::new(store),
            bus,
            shards: ShardStates::default(),
            caches: Caches::new(cache.clone()),
            cache,
            deletes: Deletes::default(),
            codec: InvalidationCodec::new(keys, node_id),
            sent_messages: SentMessages::default(),
            sealer: Sealer::new(keys),
            unknown_keys: UnknownKeys::default(),
            time: SharedTime::new(clock.now()),
            clock,
            settings,
            counters: Counters::default(),
            log_limits: LogLimits::default(),
            has_written: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Drops what all caches have of `key`, unless it has the revision `saved` or a later one.
    pub(super) fn invalidate(&self, key: &SessionKey, saved: Option<Revision>) {
        self.caches.invalidate(key, saved);
    }

    /// Keeps the cached session of `key` for an outage only, because a write may have changed it or not. Other caches drop what they have
    /// of it.
    pub(super) fn mark_stale(&self, key: &SessionKey) {
        self.caches.mark_stale(key);
    }

    /// Drops what all caches have.
    pub(super) fn clear(&self) {
        self.caches.clear();
        self.counters.cleared();
    }

    /// Drops what all caches have of the shard.
    pub(super) fn clear_shard(&self, shard: Shard) {
        self.caches.start_generation(shard);
        self.counters.cleared();
    }

    pub(super) fn shard(&self, shard: Shard) -> Arc<ShardState> {
        self.shards.get(shard)
    }

    /// The shard that has `key` now. If the session moves to another one, the next fence of the former shard reports it.
    pub(super) fn shard_of(&self, key: &SessionKey) -> Arc<ShardState> {
        self.shard(self.store.shard_of(key))
    }

    /// Whether `key` is still in this shard. Otherwise a reply may have come from another shard, which publishes the
    /// invalidations of the session.
    pub(super) fn is_in(&self, key: &SessionKey, shard: &ShardState) -> bool {
        self.store.shard_of(key) == shard.shard
    }

    /// The message for `invalidation`, which is sent `now`.
    pub(super) fn encode(&self, invalidation: &Invalidation, now: Instant) -> Bytes {
        let message = self.codec.encode(invalidation, self.timestamp_at(now));
        if let Some((key, saved)) = invalidation.session() {
            self.sent_messages.record(&message, key, saved);
        }
        message
    }

    /// The expiry in the cache of something that is valid for `left`, which may come from the store.
    pub(super) fn expiry(&self, key: &SessionKey, now: Instant, left: Duration) -> Expiry {
        let fresh_until = now + left.min(jittered(self.settings.cache_ttl, key));
        let session_ends = now + left.min(MAX_TTL);
        Expiry { fresh_until, session_ends }
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// # Errors
    ///
    /// After a shutdown.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::unavailable("this node has been shut down"));
        }
        Ok(())
    }
}

/// `ttl` less up to a tenth, so that entries that were added together do not expire together.
pub(super) fn jittered(ttl: Duration, key: &SessionKey) -> Duration {
    let part = u32::from(key.as_bytes()[JITTER_BYTE]);
    ttl - ttl / 10 * part / 256
}

/// A byte of the hash that does not select the place in the cache.
const JITTER_BYTE: usize = 16;
/// How long the absence of a session is cached.
pub(super) const ABSENT_TTL: Duration = Duration::from_secs(1);
/// Ten years: an `Instant` cannot hold any duration.
pub(super) const MAX_TTL: Duration = Duration::from_secs(10 * 366 * 86_400);
