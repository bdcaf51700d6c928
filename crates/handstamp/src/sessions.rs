use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use handstamp_core::cache::CacheStats;
use handstamp_core::id::{Labels, SessionKey};
use handstamp_core::invalidation::NodeId;
use handstamp_core::keys::KeyRing;
use handstamp_core::record::Encoding;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::{Bus, BusError, BusStats, Clock, ClusteredStore, Store, SystemClock};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::config::{Backend, Config, ConfigError, Resolved};
use crate::report::Report;
use crate::{Origin, OutagePolicy};

/// One node: its connection to the store, its local cache, and the task that listens for invalidations.
///
/// There is one for a process as a rule; layers and routes are made from it. Clones are the same node. When the
/// last is dropped, its tasks end; [`shutdown`](Self::shutdown) ends them in good order.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    store: ClusteredStore,
    keys: KeyRing,
    settings: Resolved,
    handle: tokio::runtime::Handle,
    /// Commits and touches under way.
    tasks: TaskTracker,
    draining: AtomicBool,
    /// Which type of session each cookie stands for, and the name of that type, which others may share.
    cookies: Mutex<HashMap<String, (TypeId, &'static str)>>,
    report: Report,
    #[cfg(feature = "redis")]
    circuits: Option<handstamp_redis::CircuitBreakers>,
}

impl Sessions {
    /// Starts a node with these settings: on Redis when they name one, and otherwise with a store in this
    /// process, for trying things out.
    ///
    /// This waits a second at most for Redis. A Redis that is away is no error: the node starts, answers
    /// requests for sessions with 503, and works as soon as Redis does.
    ///
    /// # Errors
    ///
    /// One for all settings that are wrong or missing.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(config: Config) -> Result<Self, ConfigError> {
        let settings = config.resolve()?;
        let inner = match settings.backend.clone() {
            Backend::Embedded => {
                tracing::warn!("no REDIS_URL: sessions live in this process only, and end with it");
                let bus = handstamp_store::MemoryBus::new();
                let store = handstamp_store::MemoryStore::new(bus.clone());
                Inner::assemble(settings, store, bus, Arc::new(SystemClock))
            }
            #[cfg(feature = "redis")]
            Backend::Redis(redis, channel) => {
                let (store, bus) =
                    handstamp_redis::connect(*redis, settings.keys.namespace().clone(), channel);
                let circuits = Some(store.circuit_breakers());
                Inner { circuits, ..Inner::assemble(settings, store, bus, Arc::new(SystemClock)) }
            }
        };
        Ok(Self::settled(inner).await)
    }

    /// Starts a node on a store and a bus of your own, which belong together. No setting of Redis is
    /// looked at.
    ///
    /// # Errors
    ///
    /// One for all settings that are wrong or missing.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start_with(config: Config, store: impl Store, bus: impl Bus) -> Result<Self, ConfigError> {
        Self::start_with_clock(config, store, bus, Arc::new(SystemClock)).await
    }

    /// [`start_with`](Self::start_with), for tests that set the clock themselves.
    ///
    /// # Errors
    ///
    /// One for all settings that are wrong or missing.
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
        Ok(Self::settled(Inner::assemble(config.resolve_without_redis()?, store, bus, clock)).await)
    }

    /// The name of this node.
    #[must_use]
    pub fn node_id(&self) -> &NodeId {
        self.store().node_id()
    }

    /// Whether the coordinator runs: the task that listens for invalidations, with a live subscription. While it
    /// does not, every read asks the store.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.store().is_subscribed()
    }

    /// Whether the store could be reached when it was last asked, all shards of it, half a second ago as a rule, and is known to
    /// take writes. A write is tried the next time that the store is asked after one has failed, and when none was made for ten seconds.
    /// This asks nobody, so probes may call it as often as they like.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.store().is_healthy()
    }

    /// Whether at least a part of the store could be reached: while a shard of a cluster is away, the sessions of the
    /// others are as well as ever.
    #[must_use]
    pub fn is_partly_healthy(&self) -> bool {
        self.store().is_partly_healthy()
    }

    /// Whether this node's clock differs from the store's by five seconds or more. Sessions go by the store's clock; but
    /// something is wrong with this machine, or with the store's.
    #[must_use]
    pub fn is_clock_skewed(&self) -> bool {
        self.store().is_clock_skewed()
    }

    /// Whether a session was loaded within the last minute that is sealed under a secret that this node does not have. Its
    /// requests get 503 here: the secret has to be added to `SESSION_SECRET`.
    #[must_use]
    pub fn is_missing_secret(&self) -> bool {
        self.store().is_missing_secret()
    }

    /// Whether the store has told its time. Until it does, only the time to live of a record tells whether its session has ended.
    /// Where the store refuses to tell it, new sessions begin by the clock of this node.
    #[must_use]
    pub fn is_time_known(&self) -> bool {
        self.store().is_time_known()
    }

    /// Whether this node should be sent requests: the store is there, in part at least, or the policy for
    /// [outages](OutagePolicy) covers its absence so far; and no shutdown has begun. A node that has never found the store to take
    /// writes is not ready, from the moment on that it reaches it. This goes by the policy of the settings, and not by that of a layer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let covered = match self.outage() {
            OutagePolicy::ServeStale(limit) => self.store().fenced_within(limit),
            OutagePolicy::Fail => false,
            OutagePolicy::Anonymous => true,
        };
        let of_use = !self.store().has_never_been_writable() && !self.is_draining();
        of_use && (self.store().is_partly_reachable() || covered)
    }

    /// The circuits of the Redis servers that the [settings](Self::start) name: whether one is open because its server
    /// does not answer, what becomes of them, and a way to close them by hand.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn circuit_breakers(&self) -> Option<&crate::CircuitBreakers> {
        self.0.circuits.as_ref()
    }

    /// The origins in `SESSION_TRUSTED_ORIGINS`, which the logout route trusts. A layer around more than these routes, such as
    /// `tower_http::csrf::CsrfLayer`, has to be told of them, or it refuses what that route would admit.
    #[must_use]
    pub fn trusted_origins(&self) -> &[Origin] {
        &self.0.settings.trusted_origins
    }

    /// How many sessions the local cache holds.
    #[must_use]
    pub fn cached_sessions(&self) -> usize {
        self.store().cached_sessions()
    }

    /// What the local cache has done so far.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.store().cache_stats()
    }

    /// What was heard over the bus so far.
    #[must_use]
    pub fn bus_stats(&self) -> BusStats {
        self.store().bus_stats()
    }

    /// How often a session was asked for under an id that it had before it was renewed, later than a request that was under way then
    /// would.
    #[must_use]
    pub fn reused_ids(&self) -> u64 {
        self.store().reused_ids()
    }

    /// How often the store had an older record of a session than this node knew: it has lost a save, or was given an old record.
    #[must_use]
    pub fn outdated_records(&self) -> u64 {
        self.store().outdated_records()
    }

    /// Clears the local cache of this node. The sessions stay as they are.
    pub fn clear_local_cache(&self) {
        self.store().clear_local_cache();
    }

    /// Makes this node forget its copy of a session. The session stays as it is.
    pub fn evict_from_cache(&self, key: &SessionKey) {
        self.store().evict(key);
    }

    /// Makes every node forget its copy of a session. The session stays as it is.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached.
    pub async fn invalidate_everywhere(&self, key: &SessionKey) -> Result<(), BusError> {
        self.store().invalidate_everywhere(key).await
    }

    /// Makes every node clear its local cache. The sessions stay as they are.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached. This node's cache is cleared all the same.
    pub async fn clear_all_caches(&self) -> Result<(), BusError> {
        self.store().clear_all_caches().await
    }

    /// Declares that this node will be shut down soon: [`is_ready`](Self::is_ready) says no from now on, so that load
    /// balancers look elsewhere, while everything goes on working.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Waits for writes under way, stops the coordinator, and closes the connections to the store. Call it after
    /// the server has finished its requests: later ones get 503. Calling it twice does no harm.
    pub async fn shutdown(&self) {
        self.drain();
        self.0.tasks.close();
        // Every write has a budget, so this ends.
        self.0.tasks.wait().await;
        self.store().shutdown().await;
    }

    pub(crate) fn store(&self) -> &ClusteredStore {
        &self.0.store
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.0.settings.labels
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.0.settings.timeouts
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.0.settings.encoding
    }

    pub(crate) fn max_size(&self) -> usize {
        self.0.settings.max_size
    }

    pub(crate) fn outage(&self) -> OutagePolicy {
        self.0.settings.outage
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Notes that this cookie stands for sessions of this type.
    #[expect(clippy::panic, reason = "a mistake in the application, and one that hands out rights")]
    pub(crate) fn claim_cookie<T: 'static>(&self, cookie: &str) {
        let (id, data) = (TypeId::of::<T>(), type_name::<T>());
        let (claimed_id, claimed) = *self.0.cookies.lock().entry(cookie.to_owned()).or_insert((id, data));
        if claimed_id != id {
            panic!(
                "two session layers, for {claimed} and for {data}, use the cookie {cookie}: each would take the \
                 other's sessions for its own; give one of them another cookie_name"
            );
        }
    }

    pub(crate) fn report(&self) -> &Report {
        &self.0.report
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.0.handle.enter()
    }

    pub(crate) fn plain_http(&self) -> bool {
        self.0.settings.plain_http
    }

    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.tasks.spawn_on(work, &self.0.handle)
    }

    async fn settled(inner: Inner) -> Self {
        let sessions = Self(Arc::new(inner));
        sessions.wait_until_settled().await;
        sessions
    }

    async fn wait_until_settled(&self) {
        if tokio::time::timeout(PATIENCE_AT_START, self.store().wait_until_ready()).await.is_err() {
            match (self.store().is_reachable(), self.is_subscribed()) {
                (false, _) => tracing::warn!("cannot reach the session store yet: starting without it"),
                (true, false) => {
                    tracing::warn!("cannot listen for invalidations yet: every read asks the store");
                }
                (true, true) => tracing::warn!("not known yet whether the session store takes writes"),
            }
        }
    }
}

impl Inner {
    fn assemble(settings: Resolved, store: impl Store, bus: impl Bus, clock: Arc<dyn Clock>) -> Self {
        let (keys, node_id) = (&settings.keys, settings.node_id.clone());
        Self {
            store: ClusteredStore::start(store, bus, keys, node_id, clock, settings.node),
            keys: settings.keys.clone(),
            handle: tokio::runtime::Handle::current(),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
            cookies: Mutex::default(),
            report: Report::default(),
            settings,
            #[cfg(feature = "redis")]
            circuits: None,
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("store", &self.0.store).finish_non_exhaustive()
    }
}

const PATIENCE_AT_START: Duration = Duration::from_secs(1);
