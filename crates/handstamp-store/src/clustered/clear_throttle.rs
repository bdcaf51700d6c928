use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use handstamp_core::invalidation::InvalidationCodec;
use lru::LruCache;
use tokio::time::sleep_until;

/// Limits how often messages clear the cache.
///
/// Clears by nodes are applied once in an interval. Doubtful ones, which anyone with access to the channel may have sent, are applied
/// ever more rarely: otherwise an attacker could keep the cache of every node empty.
#[derive(Debug)]
pub(super) struct ClearThrottle {
    interval: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
    /// When the first of the delayed clears was requested.
    requested_at: Option<Instant>,
    suspicion: Suspicion,
    /// The tags of authentic messages that this node could not read.
    unreadable: LruCache<[u8; InvalidationCodec::TAG_LEN], ()>,
}

/// A pause after each doubtful clear, doubled each time, until there has been none for as long again.
#[derive(Debug)]
struct Suspicion {
    pause: Duration,
    until: Option<Instant>,
}

impl ClearThrottle {
    pub(super) fn new(interval: Duration) -> Self {
        let suspicion = Suspicion { pause: SHORTEST_PAUSE, until: None };
        let unreadable = LruCache::new(MAX_UNREADABLE);
        Self { interval, last: None, due: None, requested_at: None, suspicion, unreadable }
    }

    /// A node requests a clear. Returns whether to apply it now; otherwise it is [due](Self::due) later.
    pub(super) fn request(&mut self, now: Instant) -> bool {
        match self.last {
            Some(last) if now < last + self.interval => {
                self.due = Some(last + self.interval);
                self.requested_at.get_or_insert(now);
                false
            }
            _ => true,
        }
    }

    /// A message requests a clear that anyone may have sent. Returns whether to apply it now; otherwise it is dropped, or
    /// [due](Self::due) later.
    pub(super) fn request_doubtful(&mut self, now: Instant) -> bool {
        self.suspicion.admits(now) && self.request(now)
    }

    /// An authentic message that this node cannot read may request a clear. It is doubtful if it is repeated. Returns as
    /// [`request`](Self::request) does.
    pub(super) fn request_unreadable(&mut self, message: &[u8], now: Instant) -> bool {
        match message.last_chunk() {
            Some(tag) if self.unreadable.put(*tag, ()).is_none() => self.request(now),
            _ => self.request_doubtful(now),
        }
    }

    /// The cache was cleared, for any reason.
    pub(super) fn cleared(&mut self, now: Instant) {
        self.last = Some(now);
        self.due = None;
        self.requested_at = None;
    }

    /// The time that a fence sent at `sent_at` counts from: a delayed clear has not been applied yet.
    pub(super) fn effective_time(&self, sent_at: Instant) -> Instant {
        self.requested_at.map_or(sent_at, |requested| requested.min(sent_at))
    }

    /// Resolves when a delayed clear is due.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

impl Suspicion {
    fn admits(&mut self, now: Instant) -> bool {
        match self.until {
            Some(until) if now < until => return false,
            Some(until) if now < until + self.pause => self.pause = (self.pause * 2).min(LONGEST_PAUSE),
            _ => self.pause = SHORTEST_PAUSE,
        }
        self.until = Some(now + self.pause);
        true
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const MAX_UNREADABLE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn the_first_clear_is_applied_at_once_and_others_are_delayed() {
        let start = start();
        let mut throttle = ClearThrottle::new(SECOND);
        assert!(throttle.request(start));
        throttle.cleared(start);
        assert!(!throttle.request(start + SECOND / 2));
        assert!(throttle.request(start + SECOND));
    }

    #[test]
    fn a_fence_does_not_count_beyond_a_delayed_clear() {
        let start = start();
        let mut throttle = ClearThrottle::new(SECOND);
        let later = start + SECOND / 2;
        assert_eq!(throttle.effective_time(later), later);
        throttle.cleared(start);
        assert!(!throttle.request(start + SECOND / 4) && !throttle.request(later));
        assert_eq!(throttle.effective_time(later), start + SECOND / 4, "from the first delayed clear on");
        assert_eq!(throttle.effective_time(start), start);
        throttle.cleared(later);
        assert_eq!(throttle.effective_time(later), later);
    }

    /// K9, F10
    #[test]
    fn k9_f10_doubtful_clears_are_applied_ever_more_rarely() {
        let start = start();
        let mut throttle = ClearThrottle::new(SECOND);
        // Ten a second for ten minutes.
        let applied: Vec<u64> = (0..6_000)
            .map(|n| start + SECOND / 10 * n)
            .filter(|now| {
                let applied = throttle.request_doubtful(*now);
                if applied {
                    throttle.cleared(*now);
                }
                applied
            })
            .map(|now| (now - start).as_secs())
            .collect();
        assert_eq!(applied, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363, 423, 483, 543]);
        assert!(throttle.request_doubtful(start + SECOND * 800), "after a quiet time it starts again");
        throttle.cleared(start + SECOND * 800);
        assert!(throttle.request_doubtful(start + SECOND * 801));
    }

    #[test]
    fn k9_f10_a_repeated_unreadable_message_is_doubtful() {
        let start = start();
        let mut throttle = ClearThrottle::new(SECOND);
        let (one, other) = ([1; 100], [2; 100]);
        // Once a second for a minute.
        let applied = (0..60).map(|n| start + SECOND * n).filter(|now| {
            let applied = throttle.request_unreadable(&one, *now);
            if applied {
                throttle.cleared(*now);
            }
            applied
        });
        assert_eq!(applied.count(), 7, "at 0, 1, 2, 4, 8, 16 and 32 seconds");
        assert!(throttle.request_unreadable(&other, start + SECOND * 60), "this one is new");
    }

    #[test]
    fn a_dropped_clear_does_not_delay_fences() {
        let start = start();
        let mut throttle = ClearThrottle::new(SECOND);
        assert!(throttle.request_doubtful(start));
        throttle.cleared(start);
        let later = start + SECOND / 2;
        assert!(!throttle.request_doubtful(later));
        assert_eq!(throttle.effective_time(later), later);
    }
}
