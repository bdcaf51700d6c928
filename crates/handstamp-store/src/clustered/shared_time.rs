use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::select_ok;
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use super::node::Node;
use crate::{Shard, StoreError};

/// The wall-clock time that all nodes share: that of the store, carried on by this node's monotonic clock.
///
/// Deadlines go by this, so that a node whose wall clock is wrong, or is put right, neither ends sessions early nor keeps
/// them too long. Of several shards the one in the middle counts, so that one wrong clock moves nothing.
#[derive(Debug)]
pub(super) struct SharedTime {
    origin: Instant,
    /// The shared time at the origin, in milliseconds since the Unix epoch, plus one. Zero: not known.
    at_origin: AtomicU64,
    /// Whether the store has no clock of its own, so that every node goes by its own.
    is_ours: AtomicBool,
    shards: Mutex<BTreeMap<Shard, u64>>,
}

impl SharedTime {
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            origin,
            at_origin: AtomicU64::new(0),
            is_ours: AtomicBool::new(false),
            shards: Mutex::default(),
        }
    }

    /// Whether it is known by which clock to go.
    pub(super) fn is_known(&self) -> bool {
        self.at_origin.load(Ordering::Relaxed) != 0 || self.is_ours.load(Ordering::Relaxed)
    }

    /// `None` as long as no shard has told it.
    pub(super) fn at(&self, now: Instant) -> Option<Timestamp> {
        let at_origin = self.at_origin.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Timestamp::from_millis(at_origin).saturating_add(now.saturating_duration_since(self.origin)))
    }

    /// A shard says that its time was `time` at the instant `at`.
    fn told(&self, shard: Shard, time: Timestamp, at: Instant) {
        let at_origin = time.saturating_sub(at.saturating_duration_since(self.origin)).as_millis();
        self.change(|shards| _ = shards.insert(shard, at_origin));
    }

    /// A shard says that it has no clock.
    fn has_none(&self) {
        self.is_ours.store(true, Ordering::Relaxed);
    }

    /// The shard is no more.
    pub(super) fn forget(&self, shard: Shard) {
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

impl Node {
    /// Asks a shard for its time. Returns what that is now; `None` if it has no clock of its own.
    pub(super) async fn ask_time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        let asked = self.clock.now();
        let Some(time) = self.store.time(shard).await? else {
            self.time.has_none();
            return Ok(None);
        };
        // In the middle of the round trip, most likely.
        let half = self.clock.now().saturating_duration_since(asked) / 2;
        self.time.told(shard, time, asked + half);
        Ok(Some(time.saturating_add(half)))
    }

    /// Asks for the time, unless it is known. Nothing is judged by a clock that may be wrong. A store that refuses to tell its
    /// time leaves nodes to their own clocks.
    ///
    /// # Errors
    ///
    /// When no shard replies.
    pub(super) async fn learn_time(&self) -> Result<(), StoreError> {
        if self.time.is_known() {
            return Ok(());
        }
        let shards = self.store.shards().current();
        if shards.is_empty() {
            return Err(StoreError::unavailable("no shard of the store is known"));
        }
        let asked = shards.into_iter().map(|shard| Box::pin(self.ask_time(shard)));
        match select_ok(asked).await {
            Ok(_) | Err(StoreError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(secs * 1_000)
    }

    #[test]
    fn the_stores_time_goes_on_with_the_monotonic_clock() {
        let origin = start();
        let time = SharedTime::new(origin);
        let after = |secs| origin + Duration::from_secs(secs);
        assert!(time.at(origin).is_none() && !time.is_known());
        time.told(Shard::ONLY, at(1_000), after(10));
        assert_eq!((time.at(after(10)), time.at(after(70))), (Some(at(1_000)), Some(at(1_060))));
        time.forget(Shard::ONLY);
        assert_eq!(time.at(after(70)), Some(at(1_060)), "better than none");
    }

    #[test]
    fn a_store_without_a_clock_leaves_nodes_to_their_own() {
        let time = SharedTime::new(start());
        time.has_none();
        assert!(time.is_known() && time.at(start()).is_none());
    }

    #[test]
    fn one_wrong_clock_among_several_moves_nothing() {
        let origin = start();
        let time = SharedTime::new(origin);
        for (shard, secs) in [(1, 1_000), (2, 1_001), (3, 90_000)] {
            time.told(Shard::new(shard), at(secs), origin);
        }
        assert_eq!(time.at(origin), Some(at(1_001)));
        time.told(Shard::new(3), at(5), origin);
        assert_eq!(time.at(origin), Some(at(1_000)));
        time.forget(Shard::new(3));
        assert_eq!(time.at(origin), Some(at(1_001)));
    }
}
