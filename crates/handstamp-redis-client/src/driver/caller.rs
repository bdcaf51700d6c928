use std::fmt;
use std::sync::Arc;

use futures_util::future::join4;

use super::ServerInfo;
use super::sender::Sender;
use crate::{Command, RedisError, Reply};

/// Sends commands over a [`Connection`](super::Connection), as long as that lasts.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Sender>);

impl Caller {
    pub(super) fn new(sender: Sender) -> Self {
        Self(Arc::new(sender))
    }

    /// The reply to a command, however long it takes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub(crate) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        self.0.call(command).await
    }

    /// [`call`](Self::call), to a server that imports the slot of the key, and serves only commands behind an `ASKING`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub(crate) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
        self.0.call_asking(command).await
    }

    /// A round trip.
    ///
    /// # Errors
    ///
    /// When the reply is not that to a `PING`: the server rejects it, or is no Redis, or we are talking to ourselves.
    pub(crate) async fn ping(&self) -> Result<(), RedisError> {
        match self.call(&Command::probe("PING")).await? {
            Reply::Bytes(pong) if pong == "PONG" => Ok(()),
            _ => Err(RedisError::UnexpectedReply),
        }
    }

    /// Ends the connection once the commands in flight are done.
    pub(crate) async fn quit(&self) {
        self.0.quit().await;
    }

    pub(super) async fn subscribe(&self, channels: &[&str]) -> Result<(), RedisError> {
        self.0.subscribe(channels).await
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.end().has_come()
    }

    pub(super) async fn lost(&self) -> RedisError {
        self.0.end().cause().await
    }

    /// Waits for the first reply, names the connection, and queries the server's `INFO`, all at once.
    pub(super) async fn introduce(&self, name: &str) -> Result<ServerInfo, RedisError> {
        let set_name = Command::probe("CLIENT").arg("SETNAME").arg(name.to_owned());
        let naming = async {
            if let Err(RedisError::ErrorReply(cause)) = self.call(&set_name).await {
                tracing::debug!(%cause, "the server does not let connections have names");
            }
        };
        let [server, replication] = ["server", "replication"].map(ServerInfo::command);
        let (replied, (), server, replication) =
            join4(self.first_reply(), naming, self.call(&server), self.call(&replication)).await;
        replied?;
        Ok(ServerInfo::parse([server, replication].iter().flatten()))
    }

    /// Waits for the first reply. An error reply counts if it is about a state that passes, such as loading the data, and if the
    /// connection did not end with it.
    async fn first_reply(&self) -> Result<(), RedisError> {
        match self.ping().await {
            Ok(()) => Ok(()),
            Err(RedisError::ErrorReply(reply)) if reply.is_temporary() && !self.has_ended() => Ok(()),
            // The end of the connection says more about the cause than the end of the command.
            Err(RedisError::Connection(_)) => Err(self.lost().await),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}
