use std::error::Error;
use std::time::{Duration, Instant};

use handstamp_core::throttle::Throttle;
use parking_lot::Mutex;

use crate::SessionError;
use crate::session::Unreadable;

/// Log lines that requests cause: at most one a second of each kind, with the number of suppressed lines.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failures: Mutex<Failures>,
    unreadable: Throttle,
    lost_changes: Throttle,
}

impl Report {
    /// A session could not be saved.
    pub(crate) fn failure(&self, error: &SessionError, now: Instant) {
        let cause = cause_of(error);
        if let Some(more) = self.failures.lock().admit(cause, now) {
            tracing::error!(error = error as &dyn Error, more, "a session could not be saved");
        }
    }

    /// A record cannot be decoded by any node. The cause may quote the stored data, so it is not logged.
    pub(crate) fn unreadable(&self, unreadable: &Unreadable, now: Instant) {
        if let Some(more) = self.unreadable.admit(now) {
            tracing::error!(error = %unreadable, more, "a record cannot be decoded: its visitor is treated as one without a session");
        }
    }

    /// A request changed its session after its response had been sent.
    pub(crate) fn lost_change(&self, now: Instant) {
        if let Some(more) = self.lost_changes.admit(now) {
            tracing::error!(
                more,
                "a session was changed after the response had been sent, and not committed: the change is lost"
            );
        }
    }
}

/// Failures with the same cause, as in an outage, are one line a minute, also when several causes alternate.
#[derive(Debug, Default)]
struct Failures {
    /// The causes that were logged in the last minute, and when, in order.
    logged: Vec<(String, Instant)>,
    suppressed: u64,
}

impl Failures {
    fn admit(&mut self, cause: String, now: Instant) -> Option<u64> {
        let age = |at: Instant| now.saturating_duration_since(at);
        self.logged.retain(|(_, at)| age(*at) < SAME_CAUSE_PAUSE);
        let is_too_soon = self.logged.last().is_some_and(|(_, at)| age(*at) < OTHER_CAUSE_PAUSE);
        let is_logged = self.logged.iter().any(|(logged, _)| *logged == cause);
        if is_too_soon || is_logged || self.logged.len() >= MOST_CAUSES {
            self.suppressed += 1;
            return None;
        }
        self.logged.push((cause, now));
        Some(std::mem::take(&mut self.suppressed))
    }
}

fn cause_of(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const SAME_CAUSE_PAUSE: Duration = Duration::from_secs(60);
const OTHER_CAUSE_PAUSE: Duration = Duration::from_secs(1);

/// The maximum number of lines a minute, since causes may contain anything.
const MOST_CAUSES: usize = 16;

#[cfg(test)]
mod tests {
    use handstamp_store::{Clock, SystemClock};

    use super::*;

    #[test]
    fn k11_a_cause_is_one_line_a_minute() {
        let (begin, mut failures) = (SystemClock.now(), Failures::default());
        let mut admit =
            |cause: &str, seconds| failures.admit(cause.to_owned(), begin + Duration::from_secs(seconds));
        assert_eq!(admit("no memory", 0), Some(0));
        assert_eq!(admit("no memory", 1), None);
        assert_eq!(admit("no memory", 59), None);
        assert_eq!(admit("no memory", 60), Some(2));
        assert_eq!(admit("a replica", 60), None, "there is at most one line a second");
        assert_eq!(admit("a replica", 61), Some(1));
        assert_eq!(admit("no memory", 62), None, "causes that alternate are one line a minute each");
        assert_eq!(admit("a replica", 63), None);
        assert_eq!(admit("no memory", 120), Some(2));
    }

    #[test]
    fn k8_the_causes_that_are_remembered_are_bounded() {
        let (begin, mut failures) = (SystemClock.now(), Failures::default());
        let mut admit = |seconds| {
            let at = begin + Duration::from_secs(seconds);
            failures.admit(format!("cause {seconds}"), at).is_some()
        };
        assert_eq!((0..60).filter(|seconds| admit(*seconds)).count(), MOST_CAUSES);
        assert!(admit(60));
    }
}
