use std::time::Instant;

/// What proves that the cache is up to date: a fence that has come back, and a check since it was sent that the server is
/// still the primary.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    /// When the last fence that has come back was sent.
    fenced: Option<Instant>,
    /// When the last check began, if it succeeded.
    checked: Option<Instant>,
}

impl Proofs {
    pub(super) fn fenced(&mut self, sent_at: Instant) {
        self.fenced = Some(sent_at);
    }

    pub(super) fn checked(&mut self, begun_at: Instant, reachable: bool) {
        self.checked = reachable.then_some(begun_at);
    }

    /// Up to when every invalidation is known to have arrived. Of a server that was demoted before the fence was sent, it
    /// would prove nothing.
    pub(super) fn up_to(&self) -> Option<Instant> {
        self.fenced.filter(|sent_at| self.checked.is_some_and(|begun_at| begun_at >= *sent_at))
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

    #[test]
    fn a_fence_needs_a_check_that_began_no_earlier() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut proofs = Proofs::default();
        proofs.checked(start, true);
        assert_eq!(proofs.up_to(), None);
        proofs.fenced(start);
        assert_eq!(proofs.up_to(), Some(start));
        proofs.fenced(start + second);
        assert_eq!(proofs.up_to(), None, "the server may have been demoted since the check");
        proofs.checked(start + second * 2, true);
        assert_eq!(proofs.up_to(), Some(start + second));
        proofs.checked(start + second * 3, false);
        assert_eq!(proofs.up_to(), None);
    }
}
