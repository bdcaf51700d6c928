use std::time::Duration;

use handstamp_core::throttle::Throttle;
use handstamp_store::{Clock, SystemClock};

use super::SessionRejection;

/// Logs that no layer provides a session, at most once a second.
pub(super) fn report(missing: &SessionRejection) {
    if let Some(more) = MISSES.admit(SystemClock.now()) {
        tracing::error!(more, "{missing}");
    }
}

/// The only state of this library that no value owns: there is no layer that could.
static MISSES: Throttle = Throttle::new(Duration::from_secs(1));
