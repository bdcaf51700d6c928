use std::sync::Arc;

use crate::driver::Listener;
use crate::replicas::Replicas;
use crate::server::{Endpoint, Server, ServerWatch};
use crate::shared::Shared;
use crate::{Command, ConnectionRole, RedisError, Reply};

/// A primary: a connection for commands, and another one for writes that wait for replicas, because the commands behind
/// them on the same connection wait, too.
#[derive(Debug)]
pub(crate) struct Primary {
    server: Arc<Server>,
    durable: Option<Server>,
    wait_replicas: u32,
    replicas: Option<Replicas>,
}

impl Primary {
    pub(crate) fn start(shared: &Shared, endpoint: &Endpoint) -> Self {
        let config = &shared.config;
        let start = |role| Server::start(shared, endpoint.clone(), role);
        let server = Arc::new(start(ConnectionRole::Commands));
        Self {
            replicas: config.reads_from_replicas().then(|| Replicas::start(shared, &server)),
            server,
            durable: (config.wait_replicas > 0).then(|| start(ConnectionRole::DurableWrites)),
            wait_replicas: config.wait_replicas,
        }
    }

    pub(crate) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        match &self.durable {
            Some(durable) if command.durable => durable.call_and_wait(command, self.wait_replicas).await,
            _ => self.server.call(command).await,
        }
    }

    /// [`call`](Self::call), for a key whose slot is moving to this primary.
    pub(crate) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
        match &self.durable {
            Some(durable) if command.durable => {
                durable.call_asking_and_wait(command, self.wait_replicas).await
            }
            _ => self.server.call_asking(command).await,
        }
    }

    /// See [`Client::read_from_replica`](crate::Client::read_from_replica).
    pub(crate) async fn read_from_replica(&self, command: &Command) -> Option<Reply> {
        self.replicas.as_ref()?.read(command).await
    }

    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        self.server.check().await
    }

    /// The connection for commands that are not durable writes.
    pub(crate) const fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn request_probe(&self) {
        self.servers().for_each(Server::request_probe);
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

    pub(crate) async fn subscribe(&self, channel: &str) -> Result<(Listener, ServerWatch), RedisError> {
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
