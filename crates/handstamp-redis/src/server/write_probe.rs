use tokio::time::timeout;

use super::{Server, is_read_only};
use crate::RedisError;
use crate::driver::{Caller, Connection, Reply, Request};
use crate::limit::Limit;
use crate::purpose::Purpose;

/// A check of writes, on a connection of its own: while a write hangs, the server replies to nothing that comes behind it on the
/// same connection.
pub(crate) struct WriteProbe<'s> {
    server: &'s Server,
    caller: Caller,
    own: Option<Kept>,
}

/// The connection, for the next check.
pub(super) struct Kept {
    connection: Connection,
    /// How often the connection for commands had been lost by then: after that, this one may lead to another server.
    losses: u64,
}

impl<'s> WriteProbe<'s> {
    pub(super) async fn open(server: &'s Server) -> Result<Self, RedisError> {
        // Where commands cannot go there is no use in trying.
        let shared = server.caller(server.config.limit(Limit::Probe)).await?;
        let losses = server.lives.borrow().connections;
        let kept = server.kept.lock().take();
        if let Some(kept) = kept.filter(|kept| kept.losses == losses && !kept.connection.has_ended()) {
            return Ok(Self::over(server, kept));
        }
        let name = server.config.client_name(Purpose::WriteChecks);
        let place = server.place.unshared();
        // Boxed, because making a connection is a large future, and a rare one.
        match Box::pin(place.open(server.config.protocol(), &name, &server.roles)).await {
            Ok((connection, _)) => Ok(Self::over(server, Kept { connection, losses })),
            // No room for another client, for one, says nothing of writes.
            Err(RedisError::Refused(_)) => Ok(Self { server, caller: shared, own: None }),
            Err(error) => Err(error),
        }
    }

    fn over(server: &'s Server, kept: Kept) -> Self {
        Self { server, caller: kept.connection.caller().clone(), own: Some(kept) }
    }

    /// The answer to a command.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, request: Request, limit: Limit) -> Result<Reply, RedisError> {
        let limit = self.server.config.limit(limit);
        let answer = timeout(limit, self.caller.call(request)).await.unwrap_or(Err(RedisError::TimedOut));
        let in_doubt = self.own.is_none() && matches!(answer, Err(RedisError::TimedOut));
        if in_doubt || is_read_only(&answer) {
            self.server.doubt();
        }
        answer
    }

    /// Waits until so many replicas have what was written over this connection.
    pub(crate) async fn replicated(&self, replicas: u32) -> Result<(), RedisError> {
        let wait = self.server.wait(replicas);
        let acknowledged = self.call(wait, Limit::Write).await?.as_integer().ok_or(RedisError::Protocol)?;
        if acknowledged >= i64::from(replicas) { Ok(()) } else { Err(RedisError::NotReplicated) }
    }

    /// To be called when every command has been answered: then the connection is good for another check.
    pub(crate) fn keep(self) {
        *self.server.kept.lock() = self.own;
    }
}
