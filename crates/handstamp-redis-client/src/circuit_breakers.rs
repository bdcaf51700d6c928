use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::broadcast;

use crate::CircuitEvent;
use crate::client_state::ClientState;
use crate::primary::Primary;

/// The circuit breakers of a client's servers: see [`BreakerSettings`](crate::BreakerSettings). Clones are the same.
///
/// This does not keep the client alive. An open circuit closes by itself as soon as its server replies.
#[derive(Clone)]
pub struct CircuitBreakers(Weak<ClientState>);

impl CircuitBreakers {
    pub(crate) fn new(client: &Arc<ClientState>) -> Self {
        Self(Arc::downgrade(client))
    }

    /// Whether any circuit is open: then some server does not reply, and its commands fail at once.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.primaries().iter().any(|primary| primary.is_circuit_open())
    }

    /// Closes all circuits, so that commands are sent again. A circuit opens again soon if its server still does not reply.
    pub fn reset(&self) {
        self.primaries().iter().for_each(|primary| primary.reset_circuit());
    }

    /// The changes of state from now on. A receiver that falls 64 events behind loses the oldest, and its next call reports
    /// that.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<CircuitEvent> {
        // Without a client there is nothing to report.
        let closed = || broadcast::Sender::new(1).subscribe();
        self.0.upgrade().map_or_else(closed, |client| client.circuit_events())
    }

    fn primaries(&self) -> Vec<Arc<Primary>> {
        self.0.upgrade().map(|client| client.primaries()).unwrap_or_default()
    }
}

impl fmt::Debug for CircuitBreakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakers").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
