use std::sync::Arc;

use bytes::Bytes;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface, TrackingInterface};
use fred::types::client::Invalidation;
use fred::types::{Key, Message, Value};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};
use tokio::time::timeout;

use super::{Connection, Reply, Request, Target, failure};
use crate::{RedisError, Transport};

/// A subscription to some channels, on a connection of its own: an error reply to a `SUBSCRIBE` shifts the replies to
/// all commands behind it. It ends with that connection.
///
/// It also hears of keys that have changed, if another connection is told to have that sent here.
pub(crate) struct Listener {
    connection: Connection,
    messages: Receiver<Message>,
    changes: Receiver<Invalidation>,
}

/// What came in.
pub(crate) enum Received {
    Message(Bytes),
    /// These keys have changed, or are gone.
    Changed(Vec<Bytes>),
}

impl Listener {
    /// Connects and subscribes.
    pub(crate) async fn open(
        target: &Target,
        name: &str,
        channels: &[&str],
        transport: Transport,
    ) -> Result<Self, RedisError> {
        let connection = Connection::open(target, name).await?;
        let client = connection.caller().client();
        // Its setting for this makes all of its channels larger, and those of one client would take ten megabytes.
        let channel_of_messages = broadcast::Sender::new(MESSAGES);
        client.inner().notifications.pubsub.store(Arc::new(channel_of_messages));
        // First the receiver: messages without one are dropped.
        if transport == Transport::Tracking {
            let channel_of_changes = broadcast::Sender::new(CHANGES);
            client.inner().notifications.invalidations.store(Arc::new(channel_of_changes));
        }
        let (messages, changes) = (client.message_rx(), client.invalidation_rx());
        timeout(target.connect_timeout, subscribe(&connection, channels))
            .await
            .unwrap_or(Err(RedisError::TimedOut))?;
        Ok(Self { connection, messages, changes })
    }

    /// What comes next, or why there is nothing more.
    ///
    /// # Cancel safety
    ///
    /// Safe: no message is lost.
    pub(crate) async fn next(&mut self) -> Result<Received, RedisError> {
        tokio::select! {
            biased;
            received = self.messages.recv() => message(received.map_err(|error| gap(&error))?),
            received = self.changes.recv() => Ok(changes(received.map_err(|error| gap(&error))?)),
            cause = self.connection.lost() => Err(cause),
        }
    }

    /// What is there already.
    pub(crate) fn try_next(&mut self) -> Option<Result<Received, RedisError>> {
        match there_already(self.messages.try_recv()) {
            Some(received) => Some(received.and_then(message)),
            None => there_already(self.changes.try_recv()).map(|received| received.map(changes)),
        }
    }

    /// The connection, for commands besides.
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The number by which other connections can have sent something here.
    pub(crate) async fn id(&self) -> Result<i64, RedisError> {
        let id = self.connection.caller().call(Request::new("CLIENT").arg("ID")).await?;
        id.as_integer().ok_or(RedisError::Protocol)
    }

    /// A round trip on this connection. Once it resolves, every message that the server sent before its answer is
    /// there for [`try_next`](Self::try_next): one task reads the connection, one frame after the other, and puts a
    /// message into the channel before it looks at what comes next.
    ///
    /// A refusal arrives in the same order, and counts, unless it shows that the data is not what it was: a server that
    /// loads data gets that of another one.
    ///
    /// The future does not keep the connection open.
    pub(crate) fn fence(&self) -> impl Future<Output = Result<(), RedisError>> + Send + 'static {
        let caller = self.connection.caller().clone();
        async move {
            match caller.ping().await {
                Err(RedisError::Refused(refusal))
                    if refusal.is_about_the_disk() || refusal.is_about_a_script() =>
                {
                    Ok(())
                }
                answered => answered,
            }
        }
    }

    /// A [fence](Self::fence) by another command than a `PING`, and the answer to that.
    pub(crate) fn fence_by(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Reply, RedisError>> + Send + 'static {
        let caller = self.connection.caller().clone();
        async move { caller.call(request).await }
    }
}

/// Subscribes, and finds out whether that is permitted.
///
/// The client library reports that a `SUBSCRIBE` was sent and ignores what is answered, except that it takes an error
/// for the answer to the command behind it. So there has to be one, and it has to be on its way before the error is
/// back, or the error is lost. Of a pipeline, no part is sent later than an answer to another is read.
async fn subscribe(connection: &Connection, channels: &[&str]) -> Result<(), RedisError> {
    let pipeline = connection.caller().client().pipeline();
    let queued = async {
        pipeline.subscribe(channels.to_vec()).await?;
        pipeline.ping::<Value>(None).await?;
        pipeline.last::<Value>().await
    };
    let answer = tokio::select! {
        biased;
        answer = queued => answer.map_err(|error| failure::cause(&error)),
        cause = connection.lost() => Err(cause),
    };
    match answer {
        Ok(_) => Ok(()),
        // This is no answer to a `SUBSCRIBE`, so that was accepted.
        Err(RedisError::Refused(refusal)) if refusal.is_about_the_disk() => Ok(()),
        Err(error) => Err(error),
    }
}

fn message(message: Message) -> Result<Received, RedisError> {
    message.value.into_bytes().map(Received::Message).ok_or(RedisError::Protocol)
}

fn changes(changes: Invalidation) -> Received {
    Received::Changed(changes.keys.into_iter().map(Key::into_bytes).collect())
}

const fn gap(error: &RecvError) -> RedisError {
    match error {
        RecvError::Lagged(count) => RedisError::Lagged(*count),
        RecvError::Closed => RedisError::Closed,
    }
}

fn there_already<T>(received: Result<T, TryRecvError>) -> Option<Result<T, RedisError>> {
    match received {
        Ok(received) => Some(Ok(received)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Lagged(count)) => Some(Err(RedisError::Lagged(count))),
        Err(TryRecvError::Closed) => Some(Err(RedisError::Closed)),
    }
}

/// A listener that falls this many messages behind loses the oldest, and its next call reports that. The client library reads up to a megabyte before the
/// listener has its turn, which is this many of the shortest messages. The places for them take five megabytes.
const MESSAGES: usize = 32_768;
/// Only servers send those.
const CHANGES: usize = 4_096;
