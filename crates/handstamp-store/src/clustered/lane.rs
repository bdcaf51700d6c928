use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use handstamp_core::cache::Freshness;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};

use crate::Shard;

/// What a node keeps for each shard of the store, so that one which fails costs the others nothing.
pub(super) struct Lane {
    pub(super) shard: Shard,
    /// What the entries of the cache that come from this shard depend on.
    pub(super) freshness: Arc<Freshness>,
    /// Loads that may be there at the same time.
    pub(super) loads: Semaphore,
    pub(super) writes: WriteLog,
    /// How often another server may have taken over.
    switches: AtomicU64,
}

/// A command, and the lane as it was when that was sent.
pub(super) struct Sent {
    pub(super) lane: Arc<Lane>,
    switches: u64,
}

/// How the writes to a shard went.
#[derive(Debug, Default)]
pub(super) struct WriteLog {
    last_done: Mutex<Option<Instant>>,
    failed: Notify,
}

/// The lanes of the shards that there are.
#[derive(Default)]
pub(super) struct Lanes(RwLock<HashMap<Shard, Arc<Lane>>>);

impl Lane {
    pub(super) fn new(shard: Shard, freshness: Arc<Freshness>) -> Self {
        Self {
            shard,
            freshness,
            loads: Semaphore::new(LOADS_AT_ONCE),
            writes: WriteLog::default(),
            switches: AtomicU64::new(0),
        }
    }

    /// A subscription has begun or ended: another server may have taken over.
    pub(super) fn switched(&self) {
        self.switches.fetch_add(1, Ordering::AcqRel);
    }
}

impl Sent {
    pub(super) fn to(lane: Arc<Lane>) -> Self {
        Self { switches: lane.switches.load(Ordering::Acquire), lane }
    }

    /// Whether the server that it was sent to is the one of `lane` now, as far as is known.
    pub(super) fn counts_for(&self, lane: &Arc<Lane>) -> bool {
        Arc::ptr_eq(&self.lane, lane) && self.switches == lane.switches.load(Ordering::Acquire)
    }
}

impl WriteLog {
    pub(super) fn done(&self, now: Instant) {
        *self.last_done.lock() = Some(now);
    }

    pub(super) fn failed(&self) {
        self.failed.notify_one();
    }

    pub(super) fn last_done(&self) -> Option<Instant> {
        *self.last_done.lock()
    }

    /// Resolves when a write has failed.
    ///
    /// # Cancel safety
    ///
    /// Safe: a failure is not lost.
    pub(super) async fn failure(&self) {
        self.failed.notified().await;
    }
}

impl Lanes {
    pub(super) fn get(&self, shard: Shard, open: impl FnOnce() -> Lane) -> Arc<Lane> {
        if let Some(lane) = self.0.read().get(&shard) {
            return lane.clone();
        }
        self.0.write().entry(shard).or_insert_with(|| Arc::new(open())).clone()
    }

    pub(super) fn any(&self, is_one: impl Fn(&Lane) -> bool) -> bool {
        self.0.read().values().any(|lane| is_one(lane))
    }

    /// Entries of the cache keep what they depend on.
    pub(super) fn remove(&self, shard: Shard) {
        self.0.write().remove(&shard);
    }

    /// Gives up the lanes of all other shards: a lookup may have made one for a shard that was just about to leave.
    pub(super) fn retain(&self, shards: &BTreeSet<Shard>) {
        self.0.write().retain(|shard, _| shards.contains(shard));
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("freshness", &self.freshness).finish_non_exhaustive()
    }
}

/// More would only wait for each other at the store.
const LOADS_AT_ONCE: usize = 256;
