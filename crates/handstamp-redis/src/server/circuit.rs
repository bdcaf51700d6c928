use std::sync::Arc;

use handstamp_store::{Clock, SystemClock};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use super::BreakerSettings;
use super::breaker::{Breaker, CircuitState, Era};
use crate::purpose::Purpose;

/// The breaker of one server, and those who want to know of it.
#[derive(Debug)]
pub(super) struct Circuit {
    server: Arc<str>,
    purpose: ConnectionRole,
    breaker: Mutex<Breaker>,
    events: broadcast::Sender<CircuitEvent>,
}

/// What a connection to a server is for. Each has a circuit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionRole {
    /// All that a primary is asked for.
    Commands,
    /// Writes that wait for replicas.
    DurableWrites,
    /// Reads from a replica.
    ReplicaReads,
}

impl From<ConnectionRole> for Purpose {
    fn from(purpose: ConnectionRole) -> Self {
        match purpose {
            ConnectionRole::Commands => Self::Commands,
            ConnectionRole::DurableWrites => Self::DurableWrites,
            ConnectionRole::ReplicaReads => Self::ReplicaReads,
        }
    }
}

/// A circuit has changed its state.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CircuitEvent {
    /// The server, as `host:port` or the path of its socket, or the name under which Sentinels know it.
    pub server: Arc<str>,
    /// What it is asked for over this connection.
    pub purpose: ConnectionRole,
    /// The state it is in now.
    pub state: CircuitState,
}

impl Circuit {
    pub(super) fn new(
        server: &str,
        purpose: ConnectionRole,
        settings: BreakerSettings,
        events: broadcast::Sender<CircuitEvent>,
    ) -> Self {
        Self { server: server.into(), purpose, breaker: Mutex::new(Breaker::new(settings)), events }
    }

    pub(super) fn is_open(&self) -> bool {
        self.breaker.lock().state() == CircuitState::Open
    }

    /// Whether a call may go out.
    pub(super) fn admits(&self) -> Option<Era> {
        self.change(|breaker| breaker.admits(SystemClock.now()))
    }

    /// A call that was let through has got an answer.
    pub(super) fn succeeded(&self, era: Era) {
        self.change(|breaker| breaker.succeeded(SystemClock.now(), era));
    }

    /// A call that was let through has got none.
    pub(super) fn failed(&self, era: Era) {
        self.change(|breaker| breaker.failed(SystemClock.now(), era));
    }

    /// A call that was let through was given up by whoever made it.
    pub(super) fn given_up(&self, era: Era) {
        self.change(|breaker| breaker.given_up(era));
    }

    /// The server has answered a probe.
    pub(super) fn answered(&self) {
        self.change(Breaker::answered);
    }

    pub(super) fn reset(&self) {
        self.change(Breaker::reset);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let (outcome, before, state) = {
            let mut breaker = self.breaker.lock();
            let before = breaker.state();
            (change(&mut breaker), before, breaker.state())
        };
        if state != before {
            self.tell(state);
        }
        outcome
    }

    fn tell(&self, state: CircuitState) {
        let server = &self.server;
        match state {
            CircuitState::Open => tracing::warn!(%server, "the server does not answer: opened its circuit"),
            CircuitState::HalfOpen => tracing::debug!(%server, "the server answers: trying its circuit"),
            CircuitState::Closed => tracing::info!(%server, "closed the circuit of the server"),
        }
        // An error means that nobody wants to know.
        let _ = self.events.send(CircuitEvent { server: server.clone(), purpose: self.purpose, state });
    }
}
