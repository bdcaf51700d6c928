use std::sync::Arc;

use crate::ConnectionRole;

/// A circuit breaker has changed its state.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CircuitEvent {
    /// The server, as `host:port` or the path of its socket, or the name under which Sentinels know it.
    pub server: Arc<str>,
    /// The role of the connection to it.
    pub role: ConnectionRole,
    /// The state of the circuit now.
    pub state: CircuitState,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CircuitState {
    /// Commands are sent.
    Closed,
    /// The server has not replied recently. Commands fail at once, and the server is probed.
    Open,
    /// The server has replied to a probe, and five trial commands are sent.
    HalfOpen,
}
