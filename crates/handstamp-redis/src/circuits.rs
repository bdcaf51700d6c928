use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::broadcast;

use crate::CircuitEvent;
use crate::primary::Primary;
use crate::topology::Topology;

/// The circuits of a store's servers: see [`BreakerSettings`](crate::BreakerSettings). Clones are the same.
///
/// This does not keep the store alive. An open circuit closes by itself as soon as its server answers; nobody has to do anything.
#[derive(Clone)]
pub struct CircuitBreakers(Weak<Topology>);

impl CircuitBreakers {
    pub(crate) fn new(topology: &Arc<Topology>) -> Self {
        Self(Arc::downgrade(topology))
    }

    /// Whether any is open: then some server does not answer, and is not asked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.primaries().iter().any(|primary| primary.is_circuit_open())
    }

    /// Closes all, so that the servers are asked again. Those that do not answer are not asked for long.
    pub fn reset(&self) {
        self.primaries().iter().for_each(|primary| primary.reset_circuit());
    }

    /// What becomes of them from now on. A receiver that falls 64 events behind loses the oldest, and is told so.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<CircuitEvent> {
        // Of a store that is no more, nothing more will be heard.
        let over = || broadcast::Sender::new(1).subscribe();
        self.0.upgrade().map_or_else(over, |topology| topology.circuit_events())
    }

    fn primaries(&self) -> Vec<Arc<Primary>> {
        self.0.upgrade().map(|topology| topology.primaries()).unwrap_or_default()
    }
}

impl fmt::Debug for CircuitBreakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakers").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
