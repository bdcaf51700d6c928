use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_core::id::SessionKey;
use parking_lot::Mutex;

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
    pub(super) fn some(&self, count: usize) -> Vec<SessionKey> {
        self.keys.lock().iter().take(count).copied().collect()
    }
}

/// A bound on the memory that an outage can cost.
const MAX_LEN: usize = 10_000;
