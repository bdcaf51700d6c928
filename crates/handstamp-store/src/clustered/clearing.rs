use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use handstamp_core::invalidation::InvalidationCodec;
use lru::LruCache;
use tokio::time::sleep_until;

/// When a freshness is cut because a message asks for it.
///
/// Requests by nodes that share a secret are granted once in an interval. Those that anybody who can publish may have caused
/// are granted ever more rarely, or they would empty the cache of every node for as long as somebody likes.
#[derive(Debug)]
pub(super) struct Clearing {
    interval: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
    /// Since when a request waits.
    requested_at: Option<Instant>,
    suspicion: Suspicion,
    /// The tags of authentic messages that could not be read.
    unread: LruCache<[u8; InvalidationCodec::TAG_LEN], ()>,
}

/// A pause after each doubtful request, twice as long each time, until there has been none for as long again.
#[derive(Debug)]
struct Suspicion {
    pause: Duration,
    until: Option<Instant>,
}

impl Clearing {
    pub(super) fn new(interval: Duration) -> Self {
        let suspicion = Suspicion { pause: SHORTEST_PAUSE, until: None };
        let unread = LruCache::new(UNREAD);
        Self { interval, last: None, due: None, requested_at: None, suspicion, unread }
    }

    /// A node asks for it. Returns whether it is to be done at once; otherwise it is done when it is [due](Self::due).
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

    /// A message asks for it that anybody may have sent. Returns whether it is to be done; otherwise it is not done at all.
    pub(super) fn request_of_unknown_origin(&mut self, now: Instant) -> bool {
        self.suspicion.admits(now) && self.request(now)
    }

    /// An authentic message may ask for it that cannot be read, be it that somebody who can publish has repeated it. Returns as
    /// the other two.
    pub(super) fn request_by_unread(&mut self, message: &[u8], now: Instant) -> bool {
        match message.last_chunk() {
            Some(tag) if self.unread.put(*tag, ()).is_none() => self.request(now),
            _ => self.request_of_unknown_origin(now),
        }
    }

    /// It was done, for whatever reason.
    pub(super) fn done(&mut self, now: Instant) {
        self.last = Some(now);
        self.due = None;
        self.requested_at = None;
    }

    /// From when a fence that was sent at `sent_at` counts: a request that waits has not been applied.
    pub(super) fn counts_from(&self, sent_at: Instant) -> Instant {
        self.requested_at.map_or(sent_at, |requested| requested.min(sent_at))
    }

    /// Resolves when a request that had to wait is due.
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
const UNREAD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn the_first_request_is_granted_at_once_and_others_wait() {
        let start = start();
        let mut clearing = Clearing::new(SECOND);
        assert!(clearing.request(start));
        clearing.done(start);
        assert!(!clearing.request(start + SECOND / 2));
        assert!(clearing.request(start + SECOND));
    }

    #[test]
    fn a_fence_does_not_count_beyond_a_request_that_waits() {
        let start = start();
        let mut clearing = Clearing::new(SECOND);
        let later = start + SECOND / 2;
        assert_eq!(clearing.counts_from(later), later);
        clearing.done(start);
        assert!(!clearing.request(start + SECOND / 4) && !clearing.request(later));
        assert_eq!(clearing.counts_from(later), start + SECOND / 4, "from the first request on");
        assert_eq!(clearing.counts_from(start), start);
        clearing.done(later);
        assert_eq!(clearing.counts_from(later), later);
    }

    /// K9, F10
    #[test]
    fn k9_f10_doubtful_requests_are_granted_ever_more_rarely() {
        let start = start();
        let mut clearing = Clearing::new(SECOND);
        // Ten a second for ten minutes.
        let granted: Vec<u64> = (0..6_000)
            .map(|n| start + SECOND / 10 * n)
            .filter(|now| {
                let granted = clearing.request_of_unknown_origin(*now);
                if granted {
                    clearing.done(*now);
                }
                granted
            })
            .map(|now| (now - start).as_secs())
            .collect();
        assert_eq!(granted, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363, 423, 483, 543]);
        assert!(
            clearing.request_of_unknown_origin(start + SECOND * 800),
            "after a quiet time it starts over"
        );
        clearing.done(start + SECOND * 800);
        assert!(clearing.request_of_unknown_origin(start + SECOND * 801));
    }

    #[test]
    fn k9_f10_a_repeated_message_that_cannot_be_read_is_doubtful() {
        let start = start();
        let mut clearing = Clearing::new(SECOND);
        let (one, other) = ([1; 100], [2; 100]);
        // Once a second for a minute.
        let granted = (0..60).map(|n| start + SECOND * n).filter(|now| {
            let granted = clearing.request_by_unread(&one, *now);
            if granted {
                clearing.done(*now);
            }
            granted
        });
        assert_eq!(granted.count(), 7, "at 0, 1, 2, 4, 8, 16 and 32 seconds");
        assert!(clearing.request_by_unread(&other, start + SECOND * 60), "this one is new");
    }

    #[test]
    fn a_doubtful_request_that_is_not_granted_takes_no_trust_away() {
        let start = start();
        let mut clearing = Clearing::new(SECOND);
        assert!(clearing.request_of_unknown_origin(start));
        clearing.done(start);
        let later = start + SECOND / 2;
        assert!(!clearing.request_of_unknown_origin(later));
        assert_eq!(clearing.counts_from(later), later);
    }
}
