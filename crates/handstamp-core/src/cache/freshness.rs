use std::fmt;
use std::time::{Duration, Instant};

use super::session_count::SessionCount;
use super::sync::{AtomicU32, AtomicU64, Ordering, OwnLine};

/// Whether the invalidations of one subscription have arrived, and so whether entries that depend on it may be served.
///
/// Every entry of a [`LocalCache`](super::LocalCache) depends on one `Freshness`. It is served while the last *fence*, the proof
/// that every invalidation published before it has arrived, is recent. When invalidations may have been missed, a
/// [new generation starts](Self::start_generation): entries of earlier generations are never served again.
///
/// Every cached read loads from its cache line, so nothing is written there but by fences and new generations.
#[repr(align(128))]
pub struct Freshness {
    number: u32,
    origin: Instant,
    max_staleness: Duration,
    generation: AtomicU32,
    /// When the last fence was *sent*, in nanoseconds since the origin, plus one. Zero: there is none, or it was distrusted.
    sent_at: AtomicU64,
    /// The same, but kept when the fence is distrusted.
    last_sent_at: AtomicU64,
    sessions: OwnLine<SessionCount>,
}

impl Freshness {
    /// Without any fence, so nothing is fresh yet. `number` is unique among those of a cache.
    #[must_use]
    pub fn new(number: u32, now: Instant, max_staleness: Duration) -> Self {
        Self {
            number,
            origin: now,
            max_staleness,
            generation: AtomicU32::new(0),
            sent_at: AtomicU64::new(0),
            last_sent_at: AtomicU64::new(0),
            sessions: OwnLine(SessionCount::new()),
        }
    }

    /// Records the reply to a fence that was sent at `sent_at`.
    pub fn record_fence(&self, sent_at: Instant) {
        let sent_at = self.nanos(sent_at) + 1;
        self.last_sent_at.store(sent_at, Ordering::Release);
        self.sent_at.store(sent_at, Ordering::Release);
    }

    /// Discards the last fence: nothing is fresh until the next one. Entries are kept.
    pub fn distrust(&self) {
        self.sent_at.store(0, Ordering::Release);
    }

    /// Whether the last fence was sent less than `max_staleness` ago, and has not been distrusted.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.is_fresh_at(self.nanos(now))
    }

    /// Whether the last fence was sent less than `limit` ago, even if it has been distrusted since.
    pub fn was_fresh(&self, now: Instant, limit: Duration) -> bool {
        is_within(&self.last_sent_at, self.nanos(now), limit)
    }

    /// Invalidates all entries, and all fill tickets taken before, because invalidations may have been missed. One atomic step,
    /// whatever the number of entries.
    pub fn start_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Identifies the current generation among all generations of all `Freshness`es of a cache.
    pub fn generation(&self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.current_generation())
    }

    /// The number of sessions cached in the current generation.
    pub fn len(&self) -> usize {
        self.sessions.0.of(self.current_generation())
    }

    /// Whether no session is cached in the current generation.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_fresh_at(&self, nanos: u64) -> bool {
        is_within(&self.sent_at, nanos, self.max_staleness)
    }

    pub(super) fn current_generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Counts a session inserted in `generation`.
    pub(super) fn session_inserted(&self, generation: u32) {
        self.sessions.0.add(generation, || self.current_generation());
    }

    /// Counts a session of `generation` that was removed or evicted.
    pub(super) fn session_removed(&self, generation: u32) {
        self.sessions.0.subtract(generation);
    }

    /// In nanoseconds since the origin.
    pub(super) fn nanos(&self, instant: Instant) -> u64 {
        // 584 years fit.
        u64::try_from(instant.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

fn is_within(sent_at: &AtomicU64, nanos: u64, limit: Duration) -> bool {
    match sent_at.load(Ordering::Acquire).checked_sub(1) {
        Some(sent_at) => Duration::from_nanos(nanos.saturating_sub(sent_at)) < limit,
        None => false,
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Freshness")
            .field("number", &self.number)
            .field("generation", &self.current_generation())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MAX_STALENESS: Duration = Duration::from_secs(2);

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_fence_counts_from_when_it_was_sent() {
        let origin = start();
        let freshness = Freshness::new(0, origin, MAX_STALENESS);
        let at = |millis| origin + Duration::from_millis(millis);
        assert!(!freshness.is_fresh(at(0)), "there is no fence yet");
        freshness.record_fence(at(100));
        assert!(freshness.is_fresh(at(100)) && freshness.is_fresh(at(2_099)));
        assert!(!freshness.is_fresh(at(2_100)));
        freshness.record_fence(at(2_000));
        assert!(freshness.is_fresh(at(3_999)));
        freshness.distrust();
        assert!(!freshness.is_fresh(at(2_000)));
        assert!(
            freshness.was_fresh(at(2_999), Duration::from_secs(1)),
            "the time of the distrust does not matter"
        );
        assert!(!freshness.was_fresh(at(3_000), Duration::from_secs(1)));
    }

    #[test]
    fn entries_of_earlier_generations_do_not_count() {
        let freshness = Freshness::new(0, start(), MAX_STALENESS);
        freshness.session_inserted(0);
        freshness.session_inserted(0);
        freshness.session_removed(0);
        assert_eq!(freshness.len(), 1);
        freshness.start_generation();
        assert!(freshness.is_empty());
        freshness.session_inserted(0);
        freshness.session_removed(0);
        assert!(freshness.is_empty(), "they belong to the generation before");
        freshness.session_inserted(1);
        assert_eq!(freshness.len(), 1);
    }

    #[test]
    fn no_two_freshnesses_share_a_generation() {
        let freshnesses = [0, 1].map(|number| Freshness::new(number, start(), MAX_STALENESS));
        freshnesses[0].start_generation();
        assert_ne!(freshnesses[0].generation(), freshnesses[1].generation());
        freshnesses[1].start_generation();
        assert_ne!(freshnesses[0].generation(), freshnesses[1].generation());
    }
}
