use std::error::Error;
use std::time::{Duration, Instant};

use handstamp_core::throttle::Throttle;
use parking_lot::Mutex;

use crate::SessionError;
use crate::session::Unreadable;

/// Log lines that requests cause: at most one a second of each kind, with the number of those that are left out.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failures: Mutex<Failures>,
    unreadable: Throttle,
    lost_changes: Throttle,
}

impl Report {
    /// A session could not be written.
    pub(crate) fn failure(&self, error: &SessionError, now: Instant) {
        let cause = cause_of(error);
        if let Some(more) = self.failures.lock().admit(cause, now) {
            tracing::error!(error = error as &dyn Error, more, "a session could not be written");
        }
    }

    /// A record cannot be read by any node. The cause may quote what is stored, so it is not shown.
    pub(crate) fn unreadable(&self, unreadable: &Unreadable, now: Instant) {
        if let Some(more) = self.unreadable.admit(now) {
            tracing::error!(error = %unreadable, more, "a visitor is treated as one without a session");
        }
    }

    /// A request changed its session after its response had been sent.
    pub(crate) fn lost_change(&self, now: Instant) {
        if let Some(more) = self.lost_changes.admit(now) {
            tracing::error!(
                more,
                "a session was changed after the response had been sent, without a commit: the change is lost"
            );
        }
    }
}

/// Failures that have the same cause, as in an outage, are one line a minute.
#[derive(Debug, Default)]
struct Failures {
    told: Option<(String, Instant)>,
    suppressed: u64,
}

impl Failures {
    fn admit(&mut self, cause: String, now: Instant) -> Option<u64> {
        let is_told = |(told, at): &(String, Instant)| {
            let pause = if *told == cause { SAME_CAUSE_PAUSE } else { OTHER_CAUSE_PAUSE };
            now.saturating_duration_since(*at) < pause
        };
        if self.told.as_ref().is_some_and(is_told) {
            self.suppressed += 1;
            return None;
        }
        self.told = Some((cause, now));
        Some(std::mem::take(&mut self.suppressed))
    }
}

fn cause_of(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const SAME_CAUSE_PAUSE: Duration = Duration::from_secs(60);
const OTHER_CAUSE_PAUSE: Duration = Duration::from_secs(1);

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
        assert_eq!(admit("a replica", 60), None, "causes that take turns are one line a second");
        assert_eq!(admit("a replica", 61), Some(1));
    }
}
