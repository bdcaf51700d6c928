use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Clock;
use handstamp_core::time::Timestamp;

/// A clock that moves only by [`advance`](Self::advance). Clones are the same clock.
///
/// It starts at 1,700,000,000,000 milliseconds after the Unix epoch.
#[derive(Clone, Debug)]
pub struct ManualClock {
    origin: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// A clock at its start.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: tokio::time::Instant::now().into_std(), passed: Arc::default() }
    }

    /// Moves the monotonic time and the wall-clock time.
    pub fn advance(&self, duration: Duration) {
        *self.passed.lock() += duration;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.origin + *self.passed.lock()
    }

    fn timestamp(&self) -> Timestamp {
        START.saturating_add(*self.passed.lock())
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_move_together_and_only_by_hand() {
        let clock = ManualClock::new();
        let (now, timestamp) = (clock.now(), clock.timestamp());
        assert_eq!((clock.now(), clock.timestamp()), (now, timestamp));
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.now() - now, Duration::from_secs(5));
        assert_eq!(clock.timestamp().since(timestamp), Duration::from_secs(5));
    }
}
