use std::time::{Duration, Instant};

use tokio::time::sleep_until;

/// When a feed is cut on request: only so often, since whoever can publish can ask for it, be it by sending an old message
/// again.
#[derive(Debug)]
pub(super) struct Clearing {
    interval: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
    /// Since when a request waits.
    requested_at: Option<Instant>,
}

impl Clearing {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, last: None, due: None, requested_at: None }
    }

    /// Somebody asks for it. Returns whether it is to be done at once.
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

    /// It was done, whoever asked.
    pub(super) fn done(&mut self, now: Instant) {
        self.last = Some(now);
        self.due = None;
        self.requested_at = None;
    }

    /// From when a proof that was sent at `sent_at` counts: what was put off has not been applied.
    pub(super) fn counts_from(&self, sent_at: Instant) -> Instant {
        self.requested_at.map_or(sent_at, |requested| requested.min(sent_at))
    }

    /// Resolves when a request that had to wait is due.
    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_is_done_at_once_and_others_wait() {
        let start = tokio::time::Instant::now().into_std();
        let mut clearing = Clearing::new(SECOND);
        assert!(clearing.request(start));
        clearing.done(start);
        assert!(!clearing.request(start + SECOND / 2));
        assert!(clearing.request(start + SECOND));
    }

    #[test]
    fn a_proof_does_not_pass_beyond_what_was_put_off() {
        let start = tokio::time::Instant::now().into_std();
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
}
