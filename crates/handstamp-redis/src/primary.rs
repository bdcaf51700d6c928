use std::sync::Arc;

use crate::driver::{Listener, Reply, Request};
use crate::replicas::Replicas;
use crate::server::{ConnectionRole, Place, Replaced, Server};
use crate::shared::Shared;
use crate::task::Task;
use crate::{Channel, RedisError};

/// A primary: the connection to it for all that is quick, and another for writes that wait for replicas, behind which
/// nothing else shall have to wait.
#[derive(Debug)]
pub(crate) struct Primary {
    server: Arc<Server>,
    durable: Option<Server>,
    wait_for: u32,
    replicas: Option<Replicas>,
}

impl Primary {
    pub(crate) fn start(shared: &Shared, place: &Place) -> Self {
        let config = &shared.config;
        let server = |place, purpose| Server::start(config.clone(), place, purpose, shared.events.clone());
        let data = Arc::new(server(place.clone(), ConnectionRole::Commands));
        Self {
            replicas: config.reads_from_replicas().then(|| Replicas::start(shared, &data)),
            server: data,
            durable: (config.wait_replicas > 0)
                .then(|| server(place.unshared(), ConnectionRole::DurableWrites)),
            wait_for: config.wait_replicas,
        }
    }

    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, task: &Task) -> Result<Reply, RedisError> {
        match &self.durable {
            Some(durable) if task.durable => durable.call_and_wait(task.request.clone(), self.wait_for).await,
            _ => self.server.call(task.request.clone(), task.limit).await,
        }
    }

    /// For a key that is just moving here.
    ///
    /// # Cancel safety
    ///
    /// It may have been carried out or not, and may still be.
    pub(crate) async fn ask(&self, task: &Task) -> Result<Reply, RedisError> {
        let request = task.request.clone();
        match &self.durable {
            Some(durable) if task.durable => durable.ask_and_wait(request, self.wait_for).await,
            _ => self.server.ask(request, task.limit).await,
        }
    }

    /// What a replica answers, which has everything that was written until a second ago. `None` if there is none.
    pub(crate) async fn read_from_replica(&self, request: Request) -> Option<Reply> {
        self.replicas.as_ref()?.read(request).await
    }

    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        self.server.check().await
    }

    /// The connection for all that is quick.
    pub(crate) fn server(&self) -> &Server {
        &self.server
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
        std::iter::once(&*self.server).chain(&self.durable)
    }
}
