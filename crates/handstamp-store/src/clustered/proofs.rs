use std::collections::VecDeque;
use std::time::Instant;

/// What proves that the cache is up to date: a fence that has come back, and a check since it was sent that the server is
/// still the primary.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    /// When the last fences that have come back were sent, in that order. Where a check takes longer than a fence, its reply
    /// counts for an earlier one than the last.
    fenced: VecDeque<Instant>,
    /// When the last check began, if it succeeded.
    checked: Option<Instant>,
}

impl Proofs {
    pub(super) fn fenced(&mut self, sent_at: Instant) {
        if self.fenced.len() == MOST {
            self.fenced.pop_front();
        }
        self.fenced.push_back(sent_at);
    }

    pub(super) fn checked(&mut self, begun_at: Instant, reachable: bool) {
        self.checked = reachable.then_some(begun_at);
    }

    /// Up to when every invalidation is known to have arrived. Of a server that was demoted before the fence was sent, it
    /// would prove nothing.
    pub(super) fn up_to(&self) -> Option<Instant> {
        let begun_at = self.checked?;
        self.fenced.iter().rev().copied().find(|sent_at| *sent_at <= begun_at)
    }
}

/// All that are sent within `max_staleness`, and some more: earlier ones prove nothing any more.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_fence_needs_a_check_that_began_no_earlier() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut proofs = Proofs::default();
        proofs.checked(start, true);
        assert_eq!(proofs.up_to(), None);
        proofs.fenced(start);
        assert_eq!(proofs.up_to(), Some(start));
        proofs.fenced(start + second);
        assert_eq!(proofs.up_to(), Some(start), "the server may have been demoted since the check");
        proofs.checked(start + second * 2, true);
        assert_eq!(proofs.up_to(), Some(start + second));
        proofs.checked(start + second * 3, false);
        assert_eq!(proofs.up_to(), None);
    }

    #[test]
    fn k6_1_a_check_that_takes_longer_than_the_fence_counts() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut proofs = Proofs::default();
        for number in 0..100 {
            proofs.fenced(start + second * number);
        }
        assert_eq!(proofs.up_to(), None);
        proofs.checked(start + second * 97, true);
        assert_eq!(proofs.up_to(), Some(start + second * 97));
        assert!(proofs.fenced.len() <= MOST);
    }
}
