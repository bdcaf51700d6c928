use tokio::time::timeout;

use super::messages::{Messages, Received};
use super::{Connection, Target};
use crate::{Command, RedisError, Reply};

/// A subscription to some channels, on a connection of its own: fred takes an error reply to a `SUBSCRIBE` for the reply to the
/// command behind it. It ends with that connection.
///
/// It also receives the keys that have changed, if another connection redirects its tracking messages here.
pub(crate) struct Listener {
    connection: Connection,
    messages: Messages,
}

impl Listener {
    /// Connects and subscribes.
    pub(crate) async fn open(
        target: &Target,
        name: &str,
        channels: &[&str],
        tracking: bool,
    ) -> Result<Self, RedisError> {
        let (connection, messages) = Connection::open_listener(target, name, tracking).await?;
        timeout(target.connect_timeout, connection.caller().subscribe(channels))
            .await
            .unwrap_or(Err(RedisError::TimedOut))?;
        Ok(Self { connection, messages })
    }

    /// The next message, or why there is none any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub(crate) async fn next(&mut self) -> Result<Received, RedisError> {
        tokio::select! {
            biased;
            received = self.messages.next() => received,
            cause = self.connection.lost() => Err(cause),
        }
    }

    /// The next message, if it has arrived already.
    pub(crate) fn try_next(&mut self) -> Option<Result<Received, RedisError>> {
        self.messages.try_next()
    }

    /// The connection, for other commands.
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The id to which other connections can redirect their tracking messages.
    pub(crate) async fn id(&self) -> Result<i64, RedisError> {
        let id = self.connection.caller().call(&Command::probe("CLIENT").arg("ID")).await?;
        id.as_integer().ok_or(RedisError::UnexpectedReply)
    }

    /// A round trip on this connection. Once it resolves, every message that the server sent before its reply is ready in
    /// [`try_next`](Self::try_next): one task reads the connection frame by frame, and puts a message into the channel before it
    /// reads the next frame.
    ///
    /// An error reply arrives in the same order, and counts, unless it shows that the data may have changed: a server that
    /// is loading gets the data of another one.
    ///
    /// The future does not keep the connection open.
    pub(crate) fn fence(&self) -> impl Future<Output = Result<(), RedisError>> + Send + 'static {
        let caller = self.connection.caller().clone();
        async move {
            match caller.ping().await {
                Err(RedisError::ErrorReply(reply)) if reply.is_disk_error() || reply.is_busy_script() => {
                    Ok(())
                }
                replied => replied,
            }
        }
    }

    /// A [fence](Self::fence) with another command than `PING`, and its reply.
    pub(crate) fn fence_by(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Reply, RedisError>> + Send + 'static {
        let caller = self.connection.caller().clone();
        async move { caller.call(&command).await }
    }
}
