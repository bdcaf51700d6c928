use std::sync::atomic::{AtomicU64, Ordering};

/// What a node has heard over the bus so far. Counts run from its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BusStats {
    /// Authentic messages.
    pub received: u64,
    /// Messages that were malformed, forged, too long, or not understood.
    pub refused: u64,
    /// How often the cache was cleared, or what came from one shard: on request, or because messages may have been missed.
    pub clears: u64,
}

#[derive(Debug, Default)]
pub(super) struct BusCounters {
    received: AtomicU64,
    refused: AtomicU64,
    clears: AtomicU64,
}

impl BusCounters {
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn cleared(&self) {
        self.clears.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> BusStats {
        BusStats {
            received: self.received.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            clears: self.clears.load(Ordering::Relaxed),
        }
    }
}
