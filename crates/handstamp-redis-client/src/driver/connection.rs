use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::timeout;

use super::caller::Caller;
use super::end::Lifeline;
use super::messages::Messages;
use super::sender::Sender;
use super::{ServerInfo, Target};
use crate::RedisError;

/// One TCP connection that has replied. Dropping it closes the connection, and ends the tasks that drive it.
pub(crate) struct Connection {
    caller: Caller,
    info: Arc<ServerInfo>,
    _lifeline: Lifeline,
}

impl Connection {
    /// Connects, and waits for the first reply. `name` is the name of the connection in `CLIENT LIST`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: whatever was begun ends with the future.
    pub(crate) async fn open(target: &Target, name: &str) -> Result<Self, RedisError> {
        let opening = async {
            let (sender, lifeline) = Sender::connect(target).await?;
            Self::introduced(sender, lifeline, name).await
        };
        within_limit(target, opening).await
    }

    /// [`open`](Self::open), with the messages that the connection will receive.
    pub(super) async fn open_listener(
        target: &Target,
        name: &str,
        tracking: bool,
    ) -> Result<(Self, Messages), RedisError> {
        let opening = async {
            let (sender, lifeline, messages) = Sender::connect_listener(target, tracking).await?;
            Ok((Self::introduced(sender, lifeline, name).await?, messages))
        };
        within_limit(target, opening).await
    }

    /// The part that can be cloned, and does not keep the connection open.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The `INFO` of the server when the connection was made.
    pub(crate) const fn info(&self) -> &Arc<ServerInfo> {
        &self.info
    }

    /// Whether the connection has been lost.
    pub(crate) fn has_ended(&self) -> bool {
        self.caller.has_ended()
    }

    /// Resolves when the connection is lost, with the cause.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(crate) async fn lost(&self) -> RedisError {
        self.caller.lost().await
    }

    async fn introduced(sender: Sender, lifeline: Lifeline, name: &str) -> Result<Self, RedisError> {
        let caller = Caller::new(sender);
        let info = caller.introduce(name).await?;
        Ok(Self { caller, info: Arc::new(info), _lifeline: lifeline })
    }
}

/// The box keeps kilobytes out of the futures of every layer above. Connections are seldom made.
async fn within_limit<T>(
    target: &Target,
    opening: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    timeout(target.connect_timeout, Box::pin(opening)).await.unwrap_or_else(|_| Err(no_reply(target)))
}

/// A server without TLS may take the handshake for an incomplete command, and wait for the rest.
const fn no_reply(target: &Target) -> RedisError {
    match target.tls {
        None => RedisError::unresponsive(),
        Some(_) => RedisError::Connection(Cow::Borrowed("it does not reply, at least not to TLS")),
    }
}
