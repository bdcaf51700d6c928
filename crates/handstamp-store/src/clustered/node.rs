use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::cache::LocalCache;
use handstamp_core::invalidation::{Invalidation, Messenger};

use super::Settings;
use super::erased::ErasedStore;
use super::fence::Fence;
use super::revocations::Revocations;
use super::stats::BusCounters;
use super::writes::Writes;
use crate::Clock;

/// What the requests of a node and its coordinator have in common.
pub(super) struct Node {
    pub(super) store: Box<dyn ErasedStore>,
    pub(super) cache: LocalCache<Cached>,
    pub(super) fence: Fence,
    pub(super) revocations: Revocations,
    pub(super) messenger: Messenger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    pub(super) counters: BusCounters,
}

/// What the cache holds for a key.
#[derive(Clone)]
pub(super) enum Cached {
    /// There is no such session.
    Absent,
    /// The decoded session. Only the layer that decoded it knows its type.
    Present(Arc<dyn Any + Send + Sync>),
}

impl Node {
    pub(super) fn clear(&self) {
        self.cache.clear();
        self.counters.cleared();
    }

    pub(super) fn message(&self, invalidation: &Invalidation) -> Bytes {
        self.messenger.write(invalidation, self.clock.timestamp())
    }

    /// Until when something that is true for `left` may be served from the cache.
    pub(super) fn in_date_until(&self, now: Instant, left: Duration) -> Instant {
        now + left.min(self.settings.cache_ttl)
    }

    /// Tells the store of what was ended while it was away, some at a time.
    pub(super) async fn retry_revocations(&self) {
        let writes = Writes::new(self);
        for key in self.revocations.some(REVOCATIONS_PER_BEAT) {
            if writes.delete(&key).await.is_err() {
                return;
            }
            self.revocations.settle(&key);
            tracing::info!("ended a session that could not be ended before");
        }
    }
}

const REVOCATIONS_PER_BEAT: usize = 64;
