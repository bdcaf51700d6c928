use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::Record;
use handstamp_store::{Clock, ClusteredStore, SystemClock};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::fleet::decode;

/// Reads sessions of one node, like requests: from the cache, or else from the store; in an outage also stale entries.
pub(crate) struct Reader {
    pub(crate) node: Arc<ClusteredStore>,
    pub(crate) keys: Arc<[SessionKey]>,
    pub(crate) reads: Arc<Reads>,
}

/// Counters of the reads of all nodes.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    errors: AtomicU64,
    last_miss: Mutex<Option<Instant>>,
}

impl Reader {
    pub(crate) async fn run(self, pause: Duration) {
        // Each session once, then random ones.
        for key in &*self.keys {
            self.read(key).await;
        }
        loop {
            self.read(&self.keys[fastrand::usize(..self.keys.len())]).await;
            sleep(pause).await;
        }
    }

    async fn read(&self, key: &SessionKey) {
        let now = || SystemClock.now();
        if self.node.lookup::<Record>(key, now()).is_some() {
            return;
        }
        self.reads.missed();
        let outdated = || self.node.lookup_stale::<Record>(key, now(), SERVED_IN_AN_OUTAGE);
        if !self.node.is_reachable_for(key) && outdated().is_some() {
            return;
        }
        if self.node.load(key, decode).await.is_err() && outdated().is_none() {
            self.reads.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.reads.missed();
    }
}

impl Reads {
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// When the cache of a node was last missed.
    pub(crate) fn last_miss(&self) -> Option<Instant> {
        *self.last_miss.lock()
    }

    /// Waits until no read has missed the cache for a while. The first reads always miss it.
    pub(crate) async fn until_calm(&self) {
        while self.last_miss().is_none_or(|when| when.elapsed() < CALM) {
            sleep(CALM / 20).await;
        }
    }

    fn missed(&self) {
        *self.last_miss.lock() = Some(Instant::now());
    }
}

/// The default of nodes.
const SERVED_IN_AN_OUTAGE: Duration = Duration::from_secs(30);
const CALM: Duration = Duration::from_secs(4);
