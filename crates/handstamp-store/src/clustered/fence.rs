use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When this node last proved that it had heard of every invalidation.
#[derive(Debug)]
pub(super) struct Fence {
    origin: Instant,
    max_staleness: Duration,
    /// When the proof was *sent*, in nanoseconds since the origin, plus one. Zero: there is none.
    sent_at: AtomicU64,
    /// The same, but not forgotten when nothing is proved any more.
    last_sent_at: AtomicU64,
}

impl Fence {
    pub(super) fn new(origin: Instant, max_staleness: Duration) -> Self {
        Self { origin, max_staleness, sent_at: AtomicU64::new(0), last_sent_at: AtomicU64::new(0) }
    }

    /// A proof that was sent at `sent_at` has come back.
    pub(super) fn pass(&self, sent_at: Instant) {
        let sent_at = self.nanos(sent_at) + 1;
        self.last_sent_at.store(sent_at, Ordering::Release);
        self.sent_at.store(sent_at, Ordering::Release);
    }

    /// Nothing is proved any more.
    pub(super) fn void(&self) {
        self.sent_at.store(0, Ordering::Release);
    }

    /// Whether the proof is young enough to serve from the cache.
    pub(super) fn is_recent(&self, now: Instant) -> bool {
        self.is_within(&self.sent_at, now, self.max_staleness)
    }

    /// Whether the last proof there was is younger than `limit`, even if nothing is proved any more.
    pub(super) fn was_recent(&self, now: Instant, limit: Duration) -> bool {
        self.is_within(&self.last_sent_at, now, limit)
    }

    fn is_within(&self, sent_at: &AtomicU64, now: Instant, limit: Duration) -> bool {
        match sent_at.load(Ordering::Acquire).checked_sub(1) {
            Some(sent_at) => Duration::from_nanos(self.nanos(now).saturating_sub(sent_at)) < limit,
            None => false,
        }
    }

    fn nanos(&self, instant: Instant) -> u64 {
        // 584 years fit.
        u64::try_from(instant.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_counts_from_when_it_was_sent() {
        let origin = tokio::time::Instant::now().into_std();
        let fence = Fence::new(origin, Duration::from_secs(2));
        let at = |millis| origin + Duration::from_millis(millis);
        assert!(!fence.is_recent(at(0)), "nothing is proved yet");
        fence.pass(at(100));
        assert!(fence.is_recent(at(100)) && fence.is_recent(at(2_099)));
        assert!(!fence.is_recent(at(2_100)));
        fence.pass(at(2_000));
        assert!(fence.is_recent(at(3_999)));
        fence.void();
        assert!(!fence.is_recent(at(2_000)));
        assert!(fence.was_recent(at(2_999), Duration::from_secs(1)), "when it was voided does not matter");
        assert!(!fence.was_recent(at(3_000), Duration::from_secs(1)));
    }
}
