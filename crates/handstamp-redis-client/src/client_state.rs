use std::sync::Arc;

use tokio::sync::broadcast;

use crate::CircuitEvent;
use crate::primary::Primary;
use crate::shared::Shared;
use crate::topology::Topology;

/// The state that the clones of a client share.
#[derive(Debug)]
pub(crate) struct ClientState {
    pub(crate) topology: Topology,
    pub(crate) shared: Shared,
}

impl ClientState {
    pub(crate) fn primaries(&self) -> Vec<Arc<Primary>> {
        self.topology.primaries()
    }

    pub(crate) fn circuit_events(&self) -> broadcast::Receiver<CircuitEvent> {
        self.shared.circuit_events.subscribe()
    }
}
