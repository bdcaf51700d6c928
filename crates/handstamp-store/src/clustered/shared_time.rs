use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use crate::Shard;

/// The wall-clock time that all nodes share: that of the store, carried forward with the monotonic clock of this node.
///
/// Deadlines are compared with it, so that a node whose wall clock is wrong, or is corrected, neither ends sessions early nor keeps them too
/// long. Of several shards the median counts, so that one wrong clock has no effect.
#[derive(Debug)]
pub(super) struct SharedTime {
    origin: Instant,
    /// The shared time at the origin, in milliseconds since the Unix epoch, plus one. Zero if it is not known.
    at_origin: AtomicU64,
    /// Whether the store has no clock, so that every node uses its own.
    uses_own_clock: AtomicBool,
    shards: Mutex<BTreeMap<Shard, u64>>,
}

impl SharedTime {
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            origin,
            at_origin: AtomicU64::new(0),
            uses_own_clock: AtomicBool::new(false),
            shards: Mutex::default(),
        }
    }

    /// Whether the node knows which clock to use.
    pub(super) fn is_known(&self) -> bool {
        self.at_origin.load(Ordering::Relaxed) != 0 || self.uses_own_clock.load(Ordering::Relaxed)
    }

    /// `None` until a shard has reported it.
    pub(super) fn at(&self, now: Instant) -> Option<Timestamp> {
        let at_origin = self.at_origin.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Timestamp::from_millis(at_origin).saturating_add(now.saturating_duration_since(self.origin)))
    }

    /// The time of a shard was `time` at the instant `at`.
    pub(super) fn record(&self, shard: Shard, time: Timestamp, at: Instant) {
        let at_origin = time.saturating_sub(at.saturating_duration_since(self.origin)).as_millis();
        self.change(|shards| _ = shards.insert(shard, at_origin));
    }

    /// The store has no clock.
    pub(super) fn use_own_clock(&self) {
        self.uses_own_clock.store(true, Ordering::Relaxed);
    }

    /// The shard was removed.
    pub(super) fn remove(&self, shard: Shard) {
        self.change(|shards| {
            if shards.len() > 1 {
                shards.remove(&shard);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Shard, u64>)) {
        let mut shards = self.shards.lock();
        change(&mut shards);
        let mut times: Vec<u64> = shards.values().copied().collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).map_or(0, |time| time.saturating_add(1));
        self.at_origin.store(middle, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the tests start at any instant")]
    fn start() -> Instant {
        Instant::now()
    }

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(secs * 1_000)
    }

    #[test]
    fn the_time_of_the_store_is_carried_forward_with_the_monotonic_clock() {
        let origin = start();
        let time = SharedTime::new(origin);
        let after = |secs| origin + Duration::from_secs(secs);
        assert!(time.at(origin).is_none() && !time.is_known());
        time.record(Shard::ONLY, at(1_000), after(10));
        assert_eq!((time.at(after(10)), time.at(after(70))), (Some(at(1_000)), Some(at(1_060))));
        time.remove(Shard::ONLY);
        assert_eq!(time.at(after(70)), Some(at(1_060)), "the last shard is kept");
    }

    #[test]
    fn without_a_clock_of_the_store_a_node_goes_by_its_own() {
        let time = SharedTime::new(start());
        time.use_own_clock();
        assert!(time.is_known() && time.at(start()).is_none());
    }

    #[test]
    fn one_wrong_clock_among_several_has_no_effect() {
        let origin = start();
        let time = SharedTime::new(origin);
        for (shard, secs) in [(1, 1_000), (2, 1_001), (3, 90_000)] {
            time.record(Shard::new(shard), at(secs), origin);
        }
        assert_eq!(time.at(origin), Some(at(1_001)));
        time.record(Shard::new(3), at(5), origin);
        assert_eq!(time.at(origin), Some(at(1_000)));
        time.remove(Shard::new(3));
        assert_eq!(time.at(origin), Some(at(1_001)));
    }
}
