use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

use super::node::Node;
use super::writes::Writes;
use crate::Shard;

/// Sessions that somebody ended while the store could not be reached. On this node they are gone at once; the
/// store hears of it when it is back.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    keys: Mutex<HashSet<SessionKey>>,
    len: AtomicUsize,
}

impl Revocations {
    /// Returns whether there was room.
    pub(super) fn remember(&self, key: SessionKey) -> bool {
        let mut keys = self.keys.lock();
        let remembered = keys.contains(&key) || (keys.len() < MAX_LEN && keys.insert(key));
        self.len.store(keys.len(), Ordering::Release);
        remembered
    }

    pub(super) fn contains(&self, key: &SessionKey) -> bool {
        self.len() > 0 && self.keys.lock().contains(key)
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn settle(&self, key: &SessionKey) {
        let mut keys = self.keys.lock();
        keys.remove(key);
        self.len.store(keys.len(), Ordering::Release);
    }

    /// Some of those that are still to be told.
    fn some(&self, count: usize, is_one: impl Fn(&SessionKey) -> bool) -> Vec<SessionKey> {
        // Others wait for the lock, and asking where each lies takes time.
        let keys: Vec<_> = self.keys.lock().iter().copied().collect();
        keys.into_iter().filter(is_one).take(count).collect()
    }
}

impl Node {
    /// Tells a shard of what was ended while it was away. Stops at the first failure.
    pub(super) async fn retry_revocations(&self, shard: Shard) {
        loop {
            let lies_there = |key: &SessionKey| self.store.shard_of(key) == shard;
            let pending = self.revocations.some(REVOCATIONS_AT_ONCE, lies_there);
            if pending.is_empty() {
                return;
            }
            let writes = Writes::new(self);
            let told = futures_util::future::join_all(pending.iter().map(|key| async move {
                let told = writes.end_once_more(key).await.is_ok();
                if told {
                    self.revocations.settle(key);
                }
                told
            }));
            let told = told.await;
            let count = told.iter().filter(|told| **told).count();
            if count > 0 {
                tracing::info!(count, "ended sessions that could not be ended before");
            }
            if count < told.len() {
                return;
            }
        }
    }
}

/// A bound on the memory that an outage can cost.
const MAX_LEN: usize = 10_000;
const REVOCATIONS_AT_ONCE: usize = 64;
