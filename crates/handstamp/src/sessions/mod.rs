mod ends;
mod node;
mod status;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::NodeId;
use handstamp_store::{Bus, BusError, Clock, MemoryBus, MemoryStore, Store, SystemClock};

use self::node::Node;
use crate::Origin;
use crate::config::{Backend, Config, ConfigError};

/// One node: its connections to the store, its local cache, and the task that receives invalidations.
///
/// A process usually has one; layers and routes are made from it. Clones are the same node. When the last clone is dropped, its tasks end;
/// [`shutdown`](Self::shutdown) ends them in order.
#[derive(Clone)]
pub struct Sessions(Arc<Node>);

impl Sessions {
    /// Starts a node with these settings: on Redis if they name a server, and otherwise in memory, for development and tests.
    ///
    /// This waits for Redis for at most a second. It is no error if Redis cannot be reached: the node starts, requests for sessions get 503,
    /// and the node works as soon as Redis does.
    ///
    /// # Errors
    ///
    /// When settings are invalid or missing: one error for all of them.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(config: Config) -> Result<Self, ConfigError> {
        let settings = config.resolve()?;
        let node = match settings.backend.clone() {
            Backend::Memory => {
                tracing::warn!("no REDIS_URL: sessions are kept in memory, and end with this process");
                let bus = MemoryBus::new();
                let store = MemoryStore::new(bus.clone());
                Node::start(settings, store, bus, Arc::new(SystemClock))
            }
            #[cfg(feature = "redis")]
            Backend::Redis(redis, channel) => {
                let (store, bus) =
                    handstamp_redis::connect(*redis, settings.keys.namespace().clone(), channel);
                let circuits = store.circuit_breakers();
                let mut node = Node::start(settings, store, bus, Arc::new(SystemClock));
                node.circuits = Some(circuits);
                node
            }
        };
        Ok(Self::wait_until_ready(node).await)
    }

    /// Starts a node on another [`Store`] and the [`Bus`] that belongs to it. The settings of Redis are ignored, also invalid ones.
    ///
    /// # Errors
    ///
    /// As with [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start_with(config: Config, store: impl Store, bus: impl Bus) -> Result<Self, ConfigError> {
        Self::start_with_clock(config, store, bus, Arc::new(SystemClock)).await
    }

    /// [`start_with`](Self::start_with), with another clock, for tests.
    ///
    /// # Errors
    ///
    /// As with [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start_with_clock(
        config: Config,
        store: impl Store,
        bus: impl Bus,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        Ok(Self::wait_until_ready(Node::start(config.resolve_without_redis()?, store, bus, clock)).await)
    }

    /// The name of this node, from `NODE_ID`.
    #[must_use]
    pub fn node_id(&self) -> &NodeId {
        self.store().node_id()
    }

    /// The circuit breakers of the Redis servers: whether any is open, their events, and a way to close them by hand. `None` without Redis.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn circuit_breakers(&self) -> Option<&crate::CircuitBreakers> {
        self.0.circuits.as_ref()
    }

    /// The origins in `SESSION_TRUSTED_ORIGINS`, which the logout route trusts. Give them to a CSRF layer around that route, such as
    /// `tower_http::csrf::CsrfLayer`, too, or it rejects requests that the route would accept.
    #[must_use]
    pub fn trusted_origins(&self) -> &[Origin] {
        &self.0.settings.trusted_origins
    }

    /// Clears the local cache of this node. The sessions themselves stay.
    pub fn clear_local_cache(&self) {
        self.store().clear_local_cache();
    }

    /// Evicts a session from the local cache of this node. The session itself stays.
    pub fn evict_from_cache(&self, key: &SessionKey) {
        self.store().evict(key);
    }

    /// Evicts a session from the local caches of all nodes. The session itself stays: to end it, call [`end`](Self::end).
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached.
    pub async fn invalidate_everywhere(&self, key: &SessionKey) -> Result<(), BusError> {
        self.store().invalidate_everywhere(key).await
    }

    /// Clears the local caches of all nodes. The sessions themselves stay.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached. This node's cache is cleared all the same.
    pub async fn clear_all_caches(&self) -> Result<(), BusError> {
        self.store().clear_all_caches().await
    }

    /// Announces that this node will shut down soon: [`is_ready`](Self::is_ready) is false from now on, so that load balancers send requests to
    /// other nodes, while everything continues to work.
    pub fn drain(&self) {
        self.set_draining();
    }

    /// Waits for writes in progress, stops the coordinator, and closes the connections to the store. Call it after the server has finished its
    /// requests, or was dropped: later requests for sessions get 503, and so do requests in progress. A second call has no effect.
    pub async fn shutdown(&self) {
        self.drain();
        self.0.tasks.close();
        // Every write of a task has a budget, so this terminates.
        self.0.tasks.wait().await;
        self.store().shutdown().await;
    }

    async fn wait_until_ready(node: Node) -> Self {
        let sessions = Self(Arc::new(node));
        let store = sessions.store();
        if tokio::time::timeout(PATIENCE_AT_START, store.wait_until_ready()).await.is_err() {
            match (store.is_reachable(), sessions.is_subscribed()) {
                (false, _) => tracing::warn!("the session store cannot be reached yet: starting without it"),
                (true, false) => {
                    tracing::warn!("not subscribed to invalidations yet: every read goes to the store");
                }
                (true, true) => tracing::warn!("not known yet whether the session store accepts writes"),
            }
        }
        sessions
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("store", &self.0.store).finish_non_exhaustive()
    }
}

const PATIENCE_AT_START: Duration = Duration::from_secs(1);
