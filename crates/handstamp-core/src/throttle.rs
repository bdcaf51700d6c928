//! Rate limits for log lines that clients can cause.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Admits one event per interval and counts the others, so that a client cannot flood the log.
///
/// ```
/// use std::time::Duration;
/// use handstamp_core::throttle::Throttle;
///
/// let throttle = Throttle::new(Duration::from_secs(1));
/// # #[allow(clippy::disallowed_methods)]
/// let now = std::time::Instant::now();
/// assert_eq!(throttle.admit(now), Some(0));
/// assert_eq!(throttle.admit(now), None);
/// assert_eq!(throttle.admit(now + Duration::from_secs(1)), Some(1));
/// ```
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// Admits one event per `interval`.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(State { next: None, suppressed: 0 }) }
    }

    /// Whether this event is admitted: if so, returns the number of events suppressed since the last admitted one.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if state.next.is_some_and(|next| now < next) {
            state.suppressed += 1;
            return None;
        }
        state.next = now.checked_add(self.interval);
        Some(std::mem::take(&mut state.suppressed))
    }
}

impl Default for Throttle {
    /// One event per second.
    fn default() -> Self {
        Self::new(Duration::from_secs(1))
    }
}
