use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use super::Server;
use super::call_permit::CallPermit;
use crate::command::Limit;
use crate::driver::Caller;
use crate::{Command, RedisError, Reply};

/// None of these is cancel safe: the command may have been carried out, and may still be.
impl Server {
    pub(crate) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        self.admitted(command.limit, |caller| async move { caller.call(command).await }).await
    }

    /// [`call`](Self::call), for a key whose slot is moving here from another server.
    pub(crate) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
        self.admitted(command.limit, |caller| async move { caller.call_asking(command).await }).await
    }

    /// [`call`](Self::call), past the limit of commands in flight and the breaker, as [`check`](Self::check).
    pub(crate) async fn call_unlimited(&self, command: &Command) -> Result<Reply, RedisError> {
        let limit = self.config.limit(command.limit);
        let caller = self.caller(limit).await?;
        let reply = self.within(limit, caller.call(command)).await;
        if is_read_only(&reply) {
            self.request_probe();
        }
        reply
    }

    /// [`call_unlimited`](Self::call_unlimited), for as long as the server takes. Without a reply, the connection is probed, and
    /// lost if it is dead.
    pub(crate) async fn call_without_timeout(&self, command: &Command) -> Result<Reply, RedisError> {
        let caller = self.caller_eventually().await?;
        let pause = self.config.limit(Limit::Probe) / 2;
        let mut exchange = pin!(caller.call(command));
        loop {
            match timeout(pause, &mut exchange).await {
                Ok(reply) => return reply,
                Err(_) => self.request_probe(),
            }
        }
    }

    /// The result of an exchange, if it completes within `limit`.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        exchange: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let mut exchange = pin!(exchange);
        let half = limit / 2;
        if let Ok(result) = timeout(half, &mut exchange).await {
            return result;
        }
        // A dead connection is detected by the end of the limit, while a slow one gets the rest of the time.
        self.request_probe();
        timeout(limit - half, exchange).await.unwrap_or(Err(RedisError::TimedOut))
    }

    /// An exchange that the limit of commands in flight and the breaker admit.
    async fn admitted<T, F>(&self, limit: Limit, begin: impl FnOnce(Caller) -> F) -> Result<T, RedisError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let limit = self.config.limit(limit);
        let _in_flight = self.in_flight.try_acquire().map_err(|_| RedisError::Busy)?;
        let permit = CallPermit::acquire(&self.circuit, &self.probe_requests, limit / 2)?;
        let caller = match self.caller(limit).await {
            // The server is known to be down, which is no news to the circuit.
            Err(down) if down != RedisError::TimedOut => return Err(down),
            caller => caller,
        };
        let reply = match caller {
            Ok(caller) => self.within(limit, begin(caller)).await,
            Err(error) => Err(error),
        };
        match &reply {
            Err(RedisError::TimedOut | RedisError::Connection(_)) => permit.failed(),
            _ => permit.succeeded(),
        }
        if is_read_only(&reply) {
            self.request_probe();
        }
        reply
    }
}

/// Whether the server turned out to be a replica.
pub(super) fn is_read_only<T>(reply: &Result<T, RedisError>) -> bool {
    matches!(reply, Err(RedisError::ErrorReply(reply)) if reply.is_read_only())
}
