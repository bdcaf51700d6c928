use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::breaker::Era;
use super::circuit::Circuit;
use crate::RedisError;

/// A call that the breaker has let through, until it is known what became of it.
pub(super) struct Trial<'b> {
    circuit: &'b Circuit,
    /// Has the server probed.
    doubt: &'b Notify,
    era: Era,
    begun: Instant,
    /// A call that is given up after this long counts as a failure.
    patience: Duration,
    settled: bool,
}

impl<'b> Trial<'b> {
    pub(super) fn begin(
        circuit: &'b Circuit,
        doubt: &'b Notify,
        patience: Duration,
    ) -> Result<Self, RedisError> {
        let era = circuit.admits().ok_or(RedisError::CircuitOpen)?;
        Ok(Self { circuit, doubt, era, begun: Instant::now(), patience, settled: false })
    }

    /// The server has answered.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        self.circuit.succeeded(self.era);
    }

    /// It has not.
    pub(super) fn failed(mut self) {
        self.fail();
    }

    fn fail(&mut self) {
        self.settled = true;
        self.circuit.failed(self.era);
        self.doubt.notify_one();
    }
}

/// Given up by whoever made the call.
impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.begun.elapsed() >= self.patience {
            self.fail();
        } else {
            self.circuit.given_up(self.era);
        }
    }
}
