use std::collections::VecDeque;
use std::time::Instant;

/// The proof that the cache is up to date: a fence whose reply has arrived, and a check, which began no earlier, that the server is still
/// the primary.
#[derive(Debug, Default)]
pub(super) struct FenceLog {
    /// When the last fences with a reply were sent, in that order. A check that takes longer than a fence counts for an earlier one
    /// than the last.
    sent_at: VecDeque<Instant>,
    /// When the last check began, if it succeeded.
    checked_at: Option<Instant>,
}

impl FenceLog {
    pub(super) fn record_fence(&mut self, sent_at: Instant) {
        if self.sent_at.len() == MAX_FENCES {
            self.sent_at.pop_front();
        }
        self.sent_at.push_back(sent_at);
    }

    pub(super) fn record_check(&mut self, begun_at: Instant, reachable: bool) {
        self.checked_at = reachable.then_some(begun_at);
    }

    /// The time before which every invalidation has arrived. A fence on a server that was demoted before proves nothing.
    pub(super) fn proven_until(&self) -> Option<Instant> {
        let begun_at = self.checked_at?;
        self.sent_at.iter().rev().copied().find(|sent_at| *sent_at <= begun_at)
    }
}

/// More than are sent within `max_staleness`: earlier ones prove nothing any more.
const MAX_FENCES: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the tests start at any instant")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_fence_needs_a_check_that_began_no_earlier() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut log = FenceLog::default();
        log.record_check(start, true);
        assert_eq!(log.proven_until(), None);
        log.record_fence(start);
        assert_eq!(log.proven_until(), Some(start));
        log.record_fence(start + second);
        assert_eq!(log.proven_until(), Some(start), "the server may have been demoted since the check");
        log.record_check(start + second * 2, true);
        assert_eq!(log.proven_until(), Some(start + second));
        log.record_check(start + second * 3, false);
        assert_eq!(log.proven_until(), None);
    }

    #[test]
    fn k6_1_a_check_that_takes_longer_than_the_fence_counts() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut log = FenceLog::default();
        for number in 0..100 {
            log.record_fence(start + second * number);
        }
        assert_eq!(log.proven_until(), None);
        log.record_check(start + second * 97, true);
        assert_eq!(log.proven_until(), Some(start + second * 97));
        assert!(log.sent_at.len() <= MAX_FENCES);
    }
}
