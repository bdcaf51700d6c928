use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use handstamp_core::cache::Feed;
use handstamp_core::id::SessionKey;
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::node::Node;
use crate::Shard;

/// What a node keeps for each shard of the store, so that one which fails costs the others nothing.
pub(super) struct Lane {
    shard: Shard,
    /// What the entries of the cache that come from this shard depend on.
    pub(super) feed: Arc<Feed>,
    /// Loads that may be there at the same time.
    pub(super) loads: Semaphore,
}

/// The lanes there have been so far.
#[derive(Default)]
pub(super) struct Lanes(RwLock<HashMap<Shard, Arc<Lane>>>);

impl Lanes {
    pub(super) fn any(&self, is_one: impl Fn(&Lane) -> bool) -> bool {
        self.0.read().values().any(|lane| is_one(lane))
    }

    /// Its entries of the cache keep what they depend on.
    pub(super) fn remove(&self, shard: Shard) {
        self.0.write().remove(&shard);
    }

    fn get(&self, shard: Shard, open: impl FnOnce() -> Lane) -> Arc<Lane> {
        if let Some(lane) = self.0.read().get(&shard) {
            return lane.clone();
        }
        self.0.write().entry(shard).or_insert_with(|| Arc::new(open())).clone()
    }
}

impl Node {
    pub(super) fn lane(&self, shard: Shard) -> Arc<Lane> {
        self.lanes.get(shard, || Lane {
            shard,
            feed: self.cache.open_feed(self.clock.now(), self.settings.max_staleness),
            loads: Semaphore::new(LOADS_AT_ONCE),
        })
    }

    /// The lane of the shard that `key` lies in now. Should the session move to another, the one that it leaves tells
    /// of it in its next proof.
    pub(super) fn lane_of(&self, key: &SessionKey) -> Arc<Lane> {
        self.lane(self.store.shard_of(key))
    }

    /// Whether `key` still lies there as far as is known. What the store was asked meanwhile may have come from elsewhere,
    /// and is then told of elsewhere.
    pub(super) fn lies_in(&self, key: &SessionKey, lane: &Lane) -> bool {
        self.store.shard_of(key) == lane.shard
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("feed", &self.feed).finish_non_exhaustive()
    }
}

/// More would only wait for each other at the store.
const LOADS_AT_ONCE: usize = 256;
