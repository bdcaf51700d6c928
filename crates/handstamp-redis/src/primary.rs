use std::sync::Arc;

use tokio::sync::broadcast;

use crate::driver::{Listener, Reply, Request};
use crate::replicas::Replicas;
use crate::server::{Place, Purpose, Replaced, Server};
use crate::{Channel, CircuitEvent, ReadFrom, RedisConfig, RedisError};

/// A primary: the connection to it for all that is quick, and another for writes that wait for replicas, behind which
/// nothing else shall have to wait.
#[derive(Debug)]
pub(crate) struct Primary {
    server: Arc<Server>,
    patient: Option<Server>,
    wait_for: u32,
    replicas: Option<Replicas>,
}

/// What all primaries of a store have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<RedisConfig>,
    pub(crate) events: broadcast::Sender<CircuitEvent>,
}

impl Shared {
    pub(crate) fn new(config: RedisConfig) -> Self {
        if config.read_from == ReadFrom::Replica && !config.reads_from_replicas() {
            tracing::warn!("with tracking, all reads go to the primary");
        }
        Self { config: Arc::new(config), events: broadcast::Sender::new(EVENTS) }
    }
}

/// Whoever is this many events behind loses some, and is told so.
const EVENTS: usize = 64;

/// What is asked of a primary.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) request: Request,
    /// Whether it counts only once enough replicas have it, if that is wanted at all.
    pub(crate) durable: bool,
    /// The notice that it publishes, for when that has to be repeated elsewhere.
    pub(crate) notice: Option<Request>,
}

impl Task {
    /// A request and nothing else.
    pub(crate) const fn new(request: Request) -> Self {
        Self { request, durable: false, notice: None }
    }
}

impl Primary {
    pub(crate) fn start(shared: &Shared, place: &Place) -> Self {
        let config = &shared.config;
        let server = |place, purpose| Server::start(config.clone(), place, purpose, shared.events.clone());
        let data = Arc::new(server(place.clone(), Purpose::Commands));
        Self {
            replicas: config.reads_from_replicas().then(|| Replicas::start(shared, &data)),
            server: data,
            patient: (config.wait_replicas > 0).then(|| server(place.unshared(), Purpose::DurableWrites)),
            wait_for: config.wait_replicas,
        }
    }

    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, task: &Task) -> Result<Reply, RedisError> {
        match &self.patient {
            Some(patient) if task.durable => patient.call_and_wait(task.request.clone(), self.wait_for).await,
            _ => self.server.call(task.request.clone()).await,
        }
    }

    /// For a key that is just moving here.
    ///
    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn ask(&self, task: &Task) -> Result<Reply, RedisError> {
        let request = task.request.clone();
        match &self.patient {
            Some(patient) if task.durable => patient.ask_and_wait(request, self.wait_for).await,
            _ => self.server.ask(request).await,
        }
    }

    /// What a replica answers, which has everything that was written until a second ago. `None` if there is none.
    pub(crate) async fn read_from_replica(&self, request: Request) -> Option<Reply> {
        self.replicas.as_ref()?.read(request).await
    }

    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        self.server.check().await
    }

    pub(crate) fn doubt(&self) {
        self.servers().for_each(Server::doubt);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.server.is_up()
    }

    pub(crate) fn is_circuit_open(&self) -> bool {
        self.servers().any(Server::is_circuit_open)
    }

    pub(crate) fn reset_circuit(&self) {
        self.servers().for_each(Server::reset_circuit);
    }

    pub(crate) async fn subscribe(&self, channel: &Channel) -> Result<(Listener, Replaced), RedisError> {
        self.server.subscribe(channel).await
    }

    pub(crate) async fn close(&self) {
        if let Some(replicas) = &self.replicas {
            replicas.close().await;
        }
        for server in self.servers() {
            server.close().await;
        }
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&*self.server).chain(&self.patient)
    }
}
