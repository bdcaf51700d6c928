use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::breaker::Epoch;
use super::circuit::Circuit;
use crate::RedisError;

/// A call that the breaker has admitted, until its outcome is known.
pub(super) struct CallPermit<'c> {
    circuit: &'c Circuit,
    probe_requests: &'c Notify,
    epoch: Epoch,
    started: Instant,
    /// A call that is cancelled after this long counts as a failure.
    min_duration_of_failure: Duration,
    settled: bool,
}

impl<'c> CallPermit<'c> {
    pub(super) fn acquire(
        circuit: &'c Circuit,
        probe_requests: &'c Notify,
        min_duration_of_failure: Duration,
    ) -> Result<Self, RedisError> {
        let started = Instant::now();
        let epoch = circuit.admit(started).ok_or(RedisError::CircuitOpen)?;
        Ok(Self { circuit, probe_requests, epoch, started, min_duration_of_failure, settled: false })
    }

    /// The server has replied.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        self.circuit.succeeded(self.epoch);
    }

    /// The server has not replied.
    pub(super) fn failed(mut self) {
        self.fail();
    }

    fn fail(&mut self) {
        self.settled = true;
        self.circuit.failed(self.epoch);
        self.probe_requests.notify_one();
    }
}

/// The caller has dropped the call.
impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.started.elapsed() >= self.min_duration_of_failure {
            self.fail();
        } else {
            self.circuit.cancelled(self.epoch);
        }
    }
}
