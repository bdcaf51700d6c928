use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

/// Sessions whose deletion the store has not acknowledged. On this node they are over at once; the store is told when it
/// can be reached.
#[derive(Debug, Default)]
pub(super) struct PendingDeletes {
    keys: Mutex<HashSet<SessionKey>>,
    len: AtomicUsize,
}

impl PendingDeletes {
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

    /// The store has acknowledged it.
    pub(super) fn done(&self, key: &SessionKey) {
        let mut keys = self.keys.lock();
        keys.remove(key);
        self.len.store(keys.len(), Ordering::Release);
    }

    pub(super) fn all(&self) -> Vec<SessionKey> {
        if self.len() == 0 { Vec::new() } else { self.keys.lock().iter().copied().collect() }
    }
}

/// A bound on the memory that an outage can cost.
const MAX_LEN: usize = 10_000;
