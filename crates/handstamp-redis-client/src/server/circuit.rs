use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::breaker::{Breaker, Epoch};
use crate::{BreakerSettings, CircuitEvent, CircuitState, ConnectionRole};

/// The circuit breaker of one server, shared by its callers. It announces changes of its state.
#[derive(Debug)]
pub(super) struct Circuit {
    server: Arc<str>,
    role: ConnectionRole,
    breaker: Mutex<Breaker>,
    events: broadcast::Sender<CircuitEvent>,
}

impl Circuit {
    pub(super) fn new(
        server: &str,
        role: ConnectionRole,
        settings: BreakerSettings,
        events: broadcast::Sender<CircuitEvent>,
    ) -> Self {
        Self { server: server.into(), role, breaker: Mutex::new(Breaker::new(settings)), events }
    }

    pub(super) fn is_open(&self) -> bool {
        self.breaker.lock().state() == CircuitState::Open
    }

    /// See [`Breaker::admit`].
    pub(super) fn admit(&self, now: Instant) -> Option<Epoch> {
        self.change(|breaker| breaker.admit(now.into_std()))
    }

    /// See [`Breaker::succeeded`].
    pub(super) fn succeeded(&self, epoch: Epoch) {
        self.change(|breaker| breaker.succeeded(Instant::now().into_std(), epoch));
    }

    /// See [`Breaker::failed`].
    pub(super) fn failed(&self, epoch: Epoch) {
        self.change(|breaker| breaker.failed(Instant::now().into_std(), epoch));
    }

    /// See [`Breaker::cancelled`].
    pub(super) fn cancelled(&self, epoch: Epoch) {
        self.change(|breaker| breaker.cancelled(epoch));
    }

    /// See [`Breaker::probe_succeeded`].
    pub(super) fn probe_succeeded(&self) {
        self.change(Breaker::probe_succeeded);
    }

    /// See [`Breaker::reset`].
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
            self.announce(state);
        }
        outcome
    }

    fn announce(&self, state: CircuitState) {
        let server = &self.server;
        match state {
            CircuitState::Open => tracing::warn!(%server, "the server does not reply: opened its circuit"),
            CircuitState::HalfOpen => tracing::debug!(%server, "the server replies: sending trial commands"),
            CircuitState::Closed => tracing::info!(%server, "closed the circuit of the server"),
        }
        // An error means that there is no receiver.
        let _ = self.events.send(CircuitEvent { server: server.clone(), role: self.role, state });
    }
}
