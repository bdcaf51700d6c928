use std::time::Duration;

use handstamp_core::throttle::Throttle;
use parking_lot::Mutex;

/// Limits the log lines that requests, or anyone with access to the store or the bus, can cause.
#[derive(Debug)]
pub(super) struct LogLimits {
    /// Deletes that there is no room for.
    pub(super) deletes: Throttle,
    /// Keys of sessions that have something else than a record.
    pub(super) malformed: Throttle,
    /// Records that are older than the cached ones.
    pub(super) outdated: Throttle,
    /// Messages under unknown keys.
    pub(super) unknown_key: Throttle,
    /// The cause that was last logged for a store that does not return its time.
    pub(super) unknown_time: Mutex<Option<String>>,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            deletes: Throttle::default(),
            malformed: Throttle::new(MINUTE),
            outdated: Throttle::new(MINUTE),
            unknown_key: Throttle::new(MINUTE),
            unknown_time: Mutex::default(),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
