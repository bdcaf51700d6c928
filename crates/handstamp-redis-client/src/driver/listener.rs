use std::sync::Arc;

use bytes::Bytes;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface, TrackingInterface};
use fred::types::client::Invalidation;
use fred::types::{Key, Message, Value};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};
use tokio::time::timeout;

use super::{Connection, Target, failure};
use crate::{Command, RedisError, Reply};

/// A subscription to some channels, on a connection of its own, because fred takes an error reply to a `SUBSCRIBE` for the reply to the
/// command behind it. It ends with that connection.
///
/// It also receives the keys that have changed, if another connection redirects its tracking messages here.
pub(crate) struct Listener {
    connection: Connection,
    messages: Receiver<Message>,
    changes: Receiver<Invalidation>,
}

/// An event that a listener receives.
pub(crate) enum Received {
    Message(Bytes),
    /// These keys were changed or deleted.
    KeysChanged(Vec<Bytes>),
}

impl Listener {
    /// Connects and subscribes.
    pub(crate) async fn open(
        target: &Target,
        name: &str,
        channels: &[&str],
        tracking: bool,
    ) -> Result<Self, RedisError> {
        let connection = Connection::open(target, name).await?;
        let client = connection.caller().client();
        // The setting of fred enlarges all channels of a client, which would take ten megabytes.
        let channel_of_messages = broadcast::Sender::new(MESSAGES);
        client.inner().notifications.pubsub.store(Arc::new(channel_of_messages));
        // The receivers come first: messages without one are dropped.
        if tracking {
            let channel_of_changes = broadcast::Sender::new(CHANGES);
            client.inner().notifications.invalidations.store(Arc::new(channel_of_changes));
        }
        let (messages, changes) = (client.message_rx(), client.invalidation_rx());
        timeout(target.connect_timeout, subscribe(&connection, channels))
            .await
            .unwrap_or(Err(RedisError::TimedOut))?;
        Ok(Self { connection, messages, changes })
    }

    /// The next message, or why there is none any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub(crate) async fn next(&mut self) -> Result<Received, RedisError> {
        tokio::select! {
            biased;
            received = self.messages.recv() => message(received.map_err(|error| gap(&error))?),
            received = self.changes.recv() => Ok(changes(received.map_err(|error| gap(&error))?)),
            cause = self.connection.lost() => Err(cause),
        }
    }

    /// The next message, if it has arrived already.
    pub(crate) fn try_next(&mut self) -> Option<Result<Received, RedisError>> {
        match ready(self.messages.try_recv()) {
            Some(received) => Some(received.and_then(message)),
            None => ready(self.changes.try_recv()).map(|received| received.map(changes)),
        }
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

/// Subscribes, and waits for the server to permit it.
///
/// fred reports that a `SUBSCRIBE` was sent and ignores the reply, except that it takes an error reply for the reply to the
/// command behind it. So a command must follow, and must be sent before the error arrives, or the error is lost. The commands
/// of a pipeline are sent before any of their replies is read.
async fn subscribe(connection: &Connection, channels: &[&str]) -> Result<(), RedisError> {
    let pipeline = connection.caller().client().pipeline();
    let queued = async {
        pipeline.subscribe(channels.to_vec()).await?;
        pipeline.ping::<Value>(None).await?;
        pipeline.last::<Value>().await
    };
    let replied = tokio::select! {
        biased;
        replied = queued => replied.map_err(|error| failure::cause(&error)),
        cause = connection.lost() => Err(cause),
    };
    match replied {
        Ok(_) => Ok(()),
        // Only the `PING` gets this error, so the `SUBSCRIBE` was accepted.
        Err(RedisError::ErrorReply(reply)) if reply.is_disk_error() => Ok(()),
        Err(error) => Err(error),
    }
}

fn message(message: Message) -> Result<Received, RedisError> {
    message.value.into_bytes().map(Received::Message).ok_or(RedisError::UnexpectedReply)
}

fn changes(changes: Invalidation) -> Received {
    Received::KeysChanged(changes.keys.into_iter().map(Key::into_bytes).collect())
}

const fn gap(error: &RecvError) -> RedisError {
    match error {
        RecvError::Lagged(count) => RedisError::Lagged(*count),
        RecvError::Closed => RedisError::Closed,
    }
}

fn ready<T>(received: Result<T, TryRecvError>) -> Option<Result<T, RedisError>> {
    match received {
        Ok(received) => Some(Ok(received)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Lagged(count)) => Some(Err(RedisError::Lagged(count))),
        Err(TryRecvError::Closed) => Some(Err(RedisError::Closed)),
    }
}

/// A listener that falls this many messages behind loses the oldest, and its next call reports that. fred reads up to a megabyte before
/// the listener is polled, which is this many of the shortest messages. The slots for them take five megabytes.
const MESSAGES: usize = 32_768;
/// Only servers send these.
const CHANGES: usize = 4_096;
