use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handstamp_core::id::Labels;
use handstamp_core::keys::KeyRing;
use handstamp_core::record::Encoding;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::{Bus, Clock, ClusteredStore, Store};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::Sessions;
use crate::OutagePolicy;
use crate::config::Resolved;
use crate::report::Report;
use crate::session::Replays;

/// What layers, routes and requests need of a node.
pub(super) struct Node {
    pub(super) store: ClusteredStore,
    pub(super) keys: KeyRing,
    pub(super) settings: Resolved,
    handle: tokio::runtime::Handle,
    /// Commits and touches in progress.
    pub(super) tasks: TaskTracker,
    draining: AtomicBool,
    /// For each cookie the type of its sessions, and the name of that type, which is not unique.
    cookies: Mutex<HashMap<String, (TypeId, &'static str)>>,
    report: Report,
    replays: Replays,
    #[cfg(feature = "redis")]
    pub(super) circuits: Option<handstamp_redis::CircuitBreakers>,
}

impl Node {
    pub(super) fn start(settings: Resolved, store: impl Store, bus: impl Bus, clock: Arc<dyn Clock>) -> Self {
        let (keys, node_id) = (&settings.keys, settings.node_id.clone());
        Self {
            store: ClusteredStore::start(store, bus, keys, node_id, clock, settings.node),
            keys: settings.keys.clone(),
            handle: tokio::runtime::Handle::current(),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
            cookies: Mutex::default(),
            report: Report::default(),
            replays: Replays::default(),
            settings,
            #[cfg(feature = "redis")]
            circuits: None,
        }
    }
}

impl Sessions {
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

    /// Records the type of this cookie's sessions.
    ///
    /// # Panics
    ///
    /// When the cookie has sessions of another type already.
    #[expect(clippy::panic, reason = "a mistake in the application that would grant rights")]
    pub(crate) fn claim_cookie<T: 'static>(&self, cookie: &str) {
        let (id, data) = (TypeId::of::<T>(), type_name::<T>());
        let (claimed_id, claimed) = *self.0.cookies.lock().entry(cookie.to_owned()).or_insert((id, data));
        if claimed_id != id {
            panic!(
                "two session layers, for {claimed} and for {data}, use the cookie {cookie}, and each would accept the \
                 other's sessions: give one of them another cookie_name"
            );
        }
    }

    pub(crate) fn report(&self) -> &Report {
        &self.0.report
    }

    /// Those of all layers: a change may have captured the session of another layer.
    pub(crate) fn replays(&self) -> &Replays {
        &self.0.replays
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

    pub(super) fn set_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }
}
