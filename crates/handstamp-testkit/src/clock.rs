use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::time::Timestamp;
use handstamp_store::{Clock, SystemClock};
use parking_lot::Mutex;

/// A clock that runs on by command only. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    origin: Instant,
    origin_timestamp: Timestamp,
    elapsed: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock that stands at the present.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: SystemClock.now(),
            origin_timestamp: SystemClock.timestamp(),
            elapsed: Arc::default(),
        }
    }

    /// Lets `duration` go by.
    pub fn advance(&self, duration: Duration) {
        *self.elapsed.lock() += duration;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.origin + *self.elapsed.lock()
    }

    fn timestamp(&self) -> Timestamp {
        self.origin_timestamp.saturating_add(*self.elapsed.lock())
    }
}
