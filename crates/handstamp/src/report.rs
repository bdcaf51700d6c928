use std::error::Error;
use std::time::Instant;

use handstamp_core::throttle::Throttle;

use crate::SessionError;
use crate::session::Unreadable;

/// Log lines that requests cause: one a second of each kind, with the number of those that are left out.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failures: Throttle,
    unreadable: Throttle,
    lost_changes: Throttle,
}

impl Report {
    /// A session could not be written.
    pub(crate) fn failure(&self, error: &SessionError, now: Instant) {
        if let Some(more) = self.failures.admit(now) {
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
