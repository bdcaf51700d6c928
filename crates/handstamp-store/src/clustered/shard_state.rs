use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};

use crate::Shard;

/// The state that a node keeps for a shard, so that a failing shard does not affect the others.
pub(super) struct ShardState {
    pub(super) shard: Shard,
    /// Limits the concurrent loads.
    pub(super) loads: Semaphore,
    pub(super) writes: WriteLog,
    /// How often the shard may have got another server.
    server_changes: AtomicU64,
}

/// The shard, and the server, that a command was sent to.
pub(super) struct SentTo {
    pub(super) state: Arc<ShardState>,
    server_changes: u64,
}

/// When a write to the shard last succeeded, and whether one has failed since the last look.
#[derive(Debug, Default)]
pub(super) struct WriteLog {
    last_success: Mutex<Option<Instant>>,
    failed: Notify,
}

/// The states of the shards.
#[derive(Default)]
pub(super) struct ShardStates(RwLock<HashMap<Shard, Arc<ShardState>>>);

impl ShardState {
    fn new(shard: Shard) -> Self {
        Self {
            shard,
            loads: Semaphore::new(MAX_CONCURRENT_LOADS),
            writes: WriteLog::default(),
            server_changes: AtomicU64::new(0),
        }
    }

    /// A subscription has begun or ended: the shard may have got another server.
    pub(super) fn note_server_change(&self) {
        self.server_changes.fetch_add(1, Ordering::AcqRel);
    }
}

impl SentTo {
    pub(super) fn new(state: Arc<ShardState>) -> Self {
        Self { server_changes: state.server_changes.load(Ordering::Acquire), state }
    }

    /// Whether that is still the server of this shard, as far as the node knows.
    pub(super) fn is_server_of(&self, state: &Arc<ShardState>) -> bool {
        Arc::ptr_eq(&self.state, state) && self.server_changes == state.server_changes.load(Ordering::Acquire)
    }
}

impl WriteLog {
    pub(super) fn succeeded(&self, now: Instant) {
        *self.last_success.lock() = Some(now);
    }

    pub(super) fn failed(&self) {
        self.failed.notify_one();
    }

    pub(super) fn last_success(&self) -> Option<Instant> {
        *self.last_success.lock()
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

impl ShardStates {
    pub(super) fn get(&self, shard: Shard) -> Arc<ShardState> {
        if let Some(state) = self.0.read().get(&shard) {
            return state.clone();
        }
        self.0.write().entry(shard).or_insert_with(|| Arc::new(ShardState::new(shard))).clone()
    }

    pub(super) fn remove(&self, shard: Shard) {
        self.0.write().remove(&shard);
    }

    /// Removes the states of all other shards: a lookup may have added one for a shard that was just removed.
    pub(super) fn retain(&self, shards: &BTreeSet<Shard>) {
        self.0.write().retain(|shard, _| shards.contains(shard));
    }
}

impl fmt::Debug for ShardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardState").field("shard", &self.shard).finish_non_exhaustive()
    }
}

/// More loads would only wait for each other at the store.
const MAX_CONCURRENT_LOADS: usize = 256;
