//! One server: a connection for commands, and subscriptions, each on a connection of its own.
//!
//! | File | What it does |
//! |---|---|
//! | `mod` | [`Server`]: starts and closes, waits for the connection |
//! | `calls` | commands, within their limits |
//! | `checks` | whether the server replies, as a primary; its time |
//! | `replication` | waits for replicas |
//! | `subscribe` | subscriptions |
//! | `write_probe` | a connection for checks of writes |
//! | `supervisor` | the task that makes the connection, and replaces it |
//! | `connection_state` | whether there is a connection, and whether it may lead to another server |
//! | `endpoint` | how to locate the server, and the role it must have |
//! | `role_query` | the role that the server has |
//! | `circuit`, `breaker`, `failure_rate` | the circuit breaker |
//! | `call_permit` | a call that the breaker has admitted |
//! | `wait_coalescer` | one `WAIT` for many writes |
//! | `logged_causes` | each cause of a failure is logged once |

mod breaker;
mod call_permit;
mod calls;
mod checks;
mod circuit;
mod connection_state;
mod endpoint;
mod failure_rate;
mod logged_causes;
mod replication;
mod role_query;
mod subscribe;
mod supervisor;
mod wait_coalescer;
mod write_probe;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use self::circuit::Circuit;
pub(crate) use self::connection_state::ServerWatch;
use self::connection_state::{ConnectionCounters, ConnectionState};
pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::logged_causes::LoggedCauses;
use self::role_query::RoleQuery;
use self::supervisor::Supervisor;
use self::wait_coalescer::WaitCoalescer;
use self::write_probe::IdleConnection;
pub use self::write_probe::WriteProbe;
use crate::driver::Caller;
use crate::shared::Shared;
use crate::{ConnectionRole, RedisConfig, RedisError};

pub(crate) struct Server {
    config: Arc<RedisConfig>,
    endpoint: Arc<Endpoint>,
    state: Arc<watch::Sender<ConnectionState>>,
    counters: Arc<watch::Sender<ConnectionCounters>>,
    waits: WaitCoalescer,
    /// Wakes the supervisor: the connection may be dead, or out of step.
    probe_requests: Arc<Notify>,
    circuit: Arc<Circuit>,
    roles: Arc<RoleQuery>,
    logged_causes: Arc<LoggedCauses>,
    in_flight: Semaphore,
    /// The connection of the last check of writes, for the next one.
    idle_probe: Mutex<Option<IdleConnection>>,
    supervisor: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) fn start(shared: &Shared, endpoint: Endpoint, role: ConnectionRole) -> Self {
        let config = shared.config.clone();
        let endpoint = Arc::new(endpoint);
        let state = Arc::new(watch::Sender::new(ConnectionState::Connecting));
        let counters = Arc::new(watch::Sender::new(ConnectionCounters::default()));
        let (probe_requests, roles, logged_causes) = (Arc::default(), Arc::default(), Arc::default());
        let events = shared.circuit_events.clone();
        let circuit = Arc::new(Circuit::new(&endpoint.to_string(), role, config.breaker, events));
        let supervisor = Supervisor {
            config: config.clone(),
            endpoint: endpoint.clone(),
            client_name: config.connection_name(role),
            state: state.clone(),
            counters: counters.clone(),
            probe_requests: Arc::clone(&probe_requests),
            circuit: circuit.clone(),
            roles: Arc::clone(&roles),
            logged_causes: Arc::clone(&logged_causes),
        };
        Self {
            in_flight: Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS)),
            supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor.run())),
            config,
            endpoint,
            state,
            counters,
            waits: WaitCoalescer::default(),
            probe_requests,
            circuit,
            roles,
            logged_causes,
            idle_probe: Mutex::default(),
        }
    }

    /// Its address, or the name under which Sentinels know it.
    pub(crate) fn name(&self) -> String {
        self.endpoint.to_string()
    }

    /// Whether there is a connection, and the circuit is not open.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), ConnectionState::Up(..)) && !self.is_circuit_open()
    }

    pub(crate) fn is_circuit_open(&self) -> bool {
        self.circuit.is_open()
    }

    pub(crate) fn reset_circuit(&self) {
        self.circuit.reset();
    }

    /// Whether the server is part of a cluster, as far as it said so when the connection was made.
    pub(crate) fn is_in_cluster(&self) -> bool {
        matches!(&*self.state.borrow(), ConnectionState::Up(live) if live.info.is_cluster)
    }

    /// Has the connection probed, and replaced if it is dead, out of step, or leads to a server that was demoted. To be
    /// called when a reply is late, unexpected, or not that of a primary.
    pub(crate) fn request_probe(&self) {
        self.probe_requests.notify_one();
    }

    /// Accepts no more commands, and lets those in flight finish, within [`RedisConfig::connect_timeout`].
    pub(crate) async fn close(&self) {
        if let ConnectionState::Up(live) = self.state.send_replace(ConnectionState::Closed) {
            let _ = timeout(self.config.connect_timeout, live.caller.quit()).await;
        }
        *self.idle_probe.lock() = None;
        ConnectionCounters::leave_server(&self.counters);
        self.supervisor.abort();
    }

    /// The connection, after waiting for it only while an attempt to connect is in progress.
    async fn caller(&self, limit: Duration) -> Result<Caller, RedisError> {
        // Nearly always there is nothing to wait for.
        if let ConnectionState::Up(live) = &*self.state.borrow() {
            return Ok(live.caller.clone());
        }
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, ConnectionState::Connecting));
        let settled = timeout(limit, settled).await.map_err(|_| RedisError::TimedOut)?;
        match settled.as_deref() {
            Ok(ConnectionState::Up(live)) => Ok(live.caller.clone()),
            Ok(ConnectionState::Down(cause)) => Err(cause.clone()),
            Ok(ConnectionState::Connecting | ConnectionState::Closed) | Err(_) => Err(RedisError::Closed),
        }
    }

    /// The connection, however long it takes to make one.
    async fn caller_eventually(&self) -> Result<Caller, RedisError> {
        let mut state = self.state.subscribe();
        let settled =
            state.wait_for(|state| matches!(state, ConnectionState::Up(_) | ConnectionState::Closed)).await;
        match settled.as_deref() {
            Ok(ConnectionState::Up(live)) => Ok(live.caller.clone()),
            _ => Err(RedisError::Closed),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("endpoint", &self.endpoint)
            .field("state", &self.state.borrow())
            .finish_non_exhaustive()
    }
}
