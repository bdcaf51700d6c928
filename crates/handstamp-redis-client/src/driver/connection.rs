use std::borrow::Cow;
use std::sync::Arc;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::config::Options;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::caller::Caller;
use super::{ServerInfo, Target, failure, options};
use crate::RedisError;

/// One TCP connection that has replied. Dropping it closes the connection, and ends the tasks that drive it.
pub(crate) struct Connection {
    caller: Caller,
    info: Arc<ServerInfo>,
    _lifeline: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects, and waits for the first reply. `name` is the name of the connection in `CLIENT LIST`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: whatever was begun ends with the future.
    pub(crate) async fn open(target: &Target, name: &str) -> Result<Self, RedisError> {
        let options = options::connection(target.connect_timeout);
        // Without a policy for reconnecting, the fred client ends with its connection.
        let client = Client::new(options::client(target)?, None, Some(options), None);
        let driver = AbortOnDropHandle::new(client.connect());
        let (end, ended) = watch::channel(None);
        let lifeline = AbortOnDropHandle::new(tokio::spawn(async move {
            let cause = failure::end(driver.await);
            end.send_replace(Some(cause));
        }));
        let caller = Caller::new(client.with_options(&Options::default()), ended);
        // Commands queue until the connection is there, so this waits for that, too.
        let introduced = timeout(target.connect_timeout, caller.introduce(name));
        let info = introduced.await.unwrap_or_else(|_| Err(no_reply(target)))?;
        Ok(Self { caller, info: Arc::new(info), _lifeline: lifeline })
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
}

/// A server without TLS may take the handshake for an incomplete command, and wait for the rest.
const fn no_reply(target: &Target) -> RedisError {
    match target.tls {
        None => RedisError::unresponsive(),
        Some(_) => RedisError::Connection(Cow::Borrowed("it does not reply, at least not to TLS")),
    }
}
