use std::fmt;
use std::sync::Arc;

use tokio::time::timeout;

use super::Server;
use super::calls::is_read_only;
use crate::command::Limit;
use crate::driver::{Caller, Connection};
use crate::{Command, ConnectionRole, RedisError, Reply};

/// A connection for a check of writes. While a write hangs, the server replies to nothing that comes behind it on the same
/// connection, so checks do not share that of commands. They pass the limit of commands in flight and an open circuit.
///
/// It keeps the connections of its server open, so it must not be kept for longer than a check takes.
pub struct WriteProbe {
    server: Arc<Server>,
    caller: Caller,
    own: Option<IdleConnection>,
}

/// A connection for the next check.
pub(super) struct IdleConnection {
    connection: Connection,
    /// How often the connection for commands had been lost by then: after that, this one may lead to another server.
    losses: u64,
}

impl WriteProbe {
    pub(crate) async fn open(server: &Arc<Server>) -> Result<Self, RedisError> {
        // Where commands fail, a check would fail, too.
        let shared = server.caller(server.config.limit(Limit::Probe)).await?;
        let losses = server.counters.borrow().connections;
        let idle = server.idle_probe.lock().take();
        if let Some(idle) = idle.filter(|idle| idle.losses == losses && !idle.connection.has_ended()) {
            return Ok(Self::over(server, idle));
        }
        let name = server.config.connection_name(ConnectionRole::WriteChecks);
        // Boxed, because making a connection is a large future, and a rare one.
        match Box::pin(server.endpoint.open(server.config.protocol(), &name, &server.roles)).await {
            Ok((connection, _)) => Ok(Self::over(server, IdleConnection { connection, losses })),
            // An error for the connection, such as too many clients, does not concern writes.
            Err(RedisError::ErrorReply(_)) => Ok(Self { server: server.clone(), caller: shared, own: None }),
            Err(error) => Err(error),
        }
    }

    /// Sends a command.
    ///
    /// # Errors
    ///
    /// When the command fails, or its outcome is unknown.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        let limit = self.server.config.limit(command.limit);
        let reply = timeout(limit, self.caller.call(command)).await.unwrap_or(Err(RedisError::TimedOut));
        let late_on_shared = self.own.is_none() && matches!(reply, Err(RedisError::TimedOut));
        if late_on_shared || is_read_only(&reply) {
            self.server.request_probe();
        }
        reply
    }

    /// Waits until [`RedisConfig::wait_replicas`](crate::RedisConfig::wait_replicas) replicas have the writes of this connection.
    ///
    /// # Errors
    ///
    /// When too few replicas have them in time.
    pub async fn wait_for_replicas(&self) -> Result<(), RedisError> {
        let replicas = self.server.config.wait_replicas;
        if replicas == 0 {
            return Ok(());
        }
        let acknowledged = self.call(&self.server.wait(replicas)).await?;
        let acknowledged = acknowledged.as_integer().ok_or(RedisError::UnexpectedReply)?;
        if acknowledged >= i64::from(replicas) { Ok(()) } else { Err(RedisError::NotReplicated) }
    }

    /// Keeps the connection for the next check. To be called when every command has got its reply.
    pub fn keep(self) {
        *self.server.idle_probe.lock() = self.own;
    }

    fn over(server: &Arc<Server>, idle: IdleConnection) -> Self {
        Self { server: server.clone(), caller: idle.connection.caller().clone(), own: Some(idle) }
    }
}

impl fmt::Debug for WriteProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteProbe").finish_non_exhaustive()
    }
}
