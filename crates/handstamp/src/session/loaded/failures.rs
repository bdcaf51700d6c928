use std::collections::VecDeque;

use crate::SessionError;

/// The last batches that could not be committed.
#[derive(Default)]
pub(super) struct Failures(VecDeque<(u64, SessionError)>);

impl Failures {
    pub(super) fn add(&mut self, batch: u64, error: SessionError) {
        self.0.push_back((batch, error));
        if self.0.len() > MAX_FAILURES {
            self.0.pop_front();
        }
    }

    pub(super) fn find(&self, batch: u64) -> Option<&SessionError> {
        self.0.iter().find(|(failed, _)| *failed == batch).map(|(_, error)| error)
    }
}

/// Only commits that wait at the same time need each other's failures.
const MAX_FAILURES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that continues to commit in an outage.
    #[test]
    fn k8_4_the_failures_of_a_long_session_are_bounded() {
        let mut failures = Failures::default();
        for batch in 0..1_000 {
            failures.add(batch, SessionError::Conflict);
        }
        assert_eq!(failures.0.len(), MAX_FAILURES);
        assert!(failures.find(999).is_some(), "the last one is known");
        assert!(failures.find(0).is_none(), "the first one is forgotten");
    }
}
