use std::fmt;
use std::time::{Duration, Instant};

use super::sync::{AtomicU64, Ordering};

/// What tells of changes to the sessions that come from one place, and the proof that it is heard.
///
/// Whatever a [`LocalCache`](super::LocalCache) holds came in under a freshness, and is served only while that can be relied
/// on: while its last *fence*, the proof that every invalidation up to then had arrived, is recent; and until the freshness is
/// [cut](Self::cut), because some may have been missed.
pub struct Freshness {
    number: u32,
    origin: Instant,
    max_staleness: Duration,
    /// How often it was cut, in the upper half, and in the lower one how many sessions have come in since.
    state: AtomicU64,
    /// When the last fence was *sent*, in nanoseconds since the origin, plus one. Zero: nothing is proved.
    sent_at: AtomicU64,
    /// The same, but not forgotten when nothing is proved any more.
    last_sent_at: AtomicU64,
}

impl Freshness {
    /// A freshness on which nothing is proved yet. `number` tells it from others of the same cache.
    #[must_use]
    pub fn new(number: u32, now: Instant, max_staleness: Duration) -> Self {
        Self {
            number,
            origin: now,
            max_staleness,
            state: AtomicU64::new(0),
            sent_at: AtomicU64::new(0),
            last_sent_at: AtomicU64::new(0),
        }
    }

    /// A fence that was sent at `sent_at` has come back.
    pub fn record_fence(&self, sent_at: Instant) {
        let sent_at = self.nanos(sent_at) + 1;
        self.last_sent_at.store(sent_at, Ordering::Release);
        self.sent_at.store(sent_at, Ordering::Release);
    }

    /// Nothing is proved any more: nothing is served until a fence passes.
    pub fn distrust(&self) {
        self.sent_at.store(0, Ordering::Release);
    }

    /// Whether the proof is young enough to serve from the cache.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.is_within(&self.sent_at, now, self.max_staleness)
    }

    /// Whether the last proof there was is younger than `limit`, even if nothing is proved any more.
    pub fn was_fresh(&self, now: Instant, limit: Duration) -> bool {
        self.is_within(&self.last_sent_at, now, limit)
    }

    /// Invalidations may have been missed: what came in under this freshness so far counts for nothing, and no open ticket
    /// of it is good. One atomic step, however much that is.
    pub fn start_generation(&self) {
        // The entries of earlier generations are not counted any more.
        self.update(|state| Some((state & !COUNT).wrapping_add(ONE_GENERATION)));
    }

    /// A number that changes whenever the freshness is cut, and that no other freshness of the cache ever has.
    pub fn generation(&self) -> u64 {
        u64::from(self.number) << GENERATION_SHIFT | u64::from(self.generation_count())
    }

    /// The number of entries since it was last cut.
    pub fn len(&self) -> usize {
        usize::try_from(self.state.load(Ordering::Acquire) & COUNT).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn generation_count(&self) -> u32 {
        let generation_count = self.state.load(Ordering::Acquire) >> GENERATION_SHIFT;
        u32::try_from(generation_count).unwrap_or(u32::MAX)
    }

    /// An entry has come in after so many generations.
    pub(super) fn arrived(&self, generation_count: u32) {
        self.update(|state| is_after(state, generation_count).then_some(state + 1));
    }

    /// An entry that came in after so many generations is gone.
    pub(super) fn left(&self, generation_count: u32) {
        self.update(|state| is_after(state, generation_count).then_some(state - 1));
    }

    fn update(&self, change: impl FnMut(u64) -> Option<u64>) {
        // An error means that there is nothing to change.
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
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

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Freshness")
            .field("number", &self.number)
            .field("generation_count", &self.generation_count())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

fn is_after(state: u64, generation_count: u32) -> bool {
    state >> GENERATION_SHIFT == u64::from(generation_count)
}

const GENERATION_SHIFT: u32 = 32;
const ONE_GENERATION: u64 = 1 << GENERATION_SHIFT;
const COUNT: u64 = ONE_GENERATION - 1;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MAX_STALENESS: Duration = Duration::from_secs(2);

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_proof_counts_from_when_it_was_sent() {
        let origin = start();
        let freshness = Freshness::new(0, origin, MAX_STALENESS);
        let at = |millis| origin + Duration::from_millis(millis);
        assert!(!freshness.is_fresh(at(0)), "nothing is proved yet");
        freshness.record_fence(at(100));
        assert!(freshness.is_fresh(at(100)) && freshness.is_fresh(at(2_099)));
        assert!(!freshness.is_fresh(at(2_100)));
        freshness.record_fence(at(2_000));
        assert!(freshness.is_fresh(at(3_999)));
        freshness.distrust();
        assert!(!freshness.is_fresh(at(2_000)));
        assert!(freshness.was_fresh(at(2_999), Duration::from_secs(1)), "when it was voided does not matter");
        assert!(!freshness.was_fresh(at(3_000), Duration::from_secs(1)));
    }

    #[test]
    fn entries_of_earlier_generations_do_not_count() {
        let freshness = Freshness::new(0, start(), MAX_STALENESS);
        freshness.arrived(0);
        freshness.arrived(0);
        freshness.left(0);
        assert_eq!(freshness.len(), 1);
        freshness.start_generation();
        assert!(freshness.is_empty());
        freshness.arrived(0);
        freshness.left(0);
        assert!(freshness.is_empty(), "they had come in before");
        freshness.arrived(1);
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
