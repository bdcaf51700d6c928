use std::time::Duration;

use tokio::time::Instant;

use super::circuit::Circuit;
use crate::RedisError;

/// A call that the breaker has let through, until it is known what became of it.
pub(super) struct Trial<'b> {
    circuit: &'b Circuit,
    begun: Instant,
    /// Who waits that long and leaves has seen enough.
    patience: Duration,
    settled: bool,
}

impl<'b> Trial<'b> {
    pub(super) fn begin(circuit: &'b Circuit, patience: Duration) -> Result<Self, RedisError> {
        if circuit.admits() {
            Ok(Self { circuit, begun: Instant::now(), patience, settled: false })
        } else {
            Err(RedisError::CircuitOpen)
        }
    }

    /// The server has answered.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        self.circuit.succeeded();
    }

    /// It has not.
    pub(super) fn failed(mut self) {
        self.settled = true;
        self.circuit.failed();
    }
}

/// Given up by whoever made the call.
impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.begun.elapsed() >= self.patience {
            self.circuit.failed();
        } else {
            self.circuit.given_up();
        }
    }
}
