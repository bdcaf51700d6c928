use std::sync::atomic::{AtomicU64, Ordering};

use handstamp_core::invalidation::MessageError;

/// Counts of the messages that a node has received over the bus, since its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BusStats {
    /// Authentic messages.
    pub received: u64,
    /// Messages that were rejected: the sum of the next five.
    pub rejected: u64,
    /// Messages with a wrong signature.
    pub forged: u64,
    /// Messages in no known format.
    pub malformed: u64,
    /// Messages that are too long.
    pub oversize: u64,
    /// Messages that are signed with a key that this node does not have.
    pub unknown_key: u64,
    /// Authentic messages of a version that this node does not know.
    pub unknown_version: u64,
    /// Authentic messages that clear the cache, and were not sent just now: copies of old ones.
    pub outdated: u64,
    /// How often the cache, or the part of it that was loaded from one shard, was cleared: on request, or because messages may have been
    /// missed.
    pub clears: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    received: AtomicU64,
    forged: AtomicU64,
    malformed: AtomicU64,
    oversize: AtomicU64,
    unknown_key: AtomicU64,
    unknown_version: AtomicU64,
    outdated: AtomicU64,
    clears: AtomicU64,
    reused_ids: AtomicU64,
    outdated_records: AtomicU64,
}

impl Counters {
    pub(super) fn received(&self) {
        add_one(&self.received);
    }

    pub(super) fn rejected(&self, reason: MessageError) {
        add_one(match reason {
            MessageError::Forged => &self.forged,
            MessageError::Malformed => &self.malformed,
            MessageError::Oversize => &self.oversize,
            MessageError::UnknownKey => &self.unknown_key,
            MessageError::UnknownVersion => &self.unknown_version,
        });
    }

    pub(super) fn outdated(&self) {
        add_one(&self.outdated);
    }

    pub(super) fn cleared(&self) {
        add_one(&self.clears);
    }

    /// A request has used an id that its session had before.
    pub(super) fn reused(&self) {
        add_one(&self.reused_ids);
    }

    pub(super) fn reused_ids(&self) -> u64 {
        self.reused_ids.load(Ordering::Relaxed)
    }

    /// The store had an older record of a session than this node.
    pub(super) fn outdated_record(&self) {
        add_one(&self.outdated_records);
    }

    pub(super) fn outdated_records(&self) -> u64 {
        self.outdated_records.load(Ordering::Relaxed)
    }

    pub(super) fn stats(&self) -> BusStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (forged, malformed, oversize) =
            (count(&self.forged), count(&self.malformed), count(&self.oversize));
        let (unknown_key, unknown_version) = (count(&self.unknown_key), count(&self.unknown_version));
        BusStats {
            received: count(&self.received),
            rejected: forged + malformed + oversize + unknown_key + unknown_version,
            forged,
            malformed,
            oversize,
            unknown_key,
            unknown_version,
            outdated: count(&self.outdated),
            clears: count(&self.clears),
        }
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
