use std::time::{Duration, Instant};

use handstamp_store::{Clock, SystemClock};
use parking_lot::Mutex;

use super::breaker::Breaker;
use crate::RedisError;

/// A call that the breaker has let through, until it is known what became of it.
pub(super) struct Trial<'b> {
    breaker: &'b Mutex<Breaker>,
    begun: Instant,
    /// Who waits that long and leaves has seen enough.
    patience: Duration,
    settled: bool,
}

impl<'b> Trial<'b> {
    pub(super) fn begin(breaker: &'b Mutex<Breaker>, patience: Duration) -> Result<Self, RedisError> {
        let begun = SystemClock.now();
        if breaker.lock().admits(begun) {
            Ok(Self { breaker, begun, patience, settled: false })
        } else {
            Err(RedisError::CircuitOpen)
        }
    }

    /// The server has answered.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        self.breaker.lock().succeeded(SystemClock.now());
    }

    /// It has not. Returns whether that opened the circuit.
    pub(super) fn failed(mut self) -> bool {
        self.settled = true;
        self.breaker.lock().failed(SystemClock.now())
    }
}

/// Given up by whoever made the call.
impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let now = SystemClock.now();
        let mut breaker = self.breaker.lock();
        if now.saturating_duration_since(self.begun) >= self.patience {
            breaker.failed(now);
        } else {
            breaker.given_up();
        }
    }
}
