use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use redis::aio::SendError;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver};

use crate::RedisError;
use crate::driver::Received;
use crate::driver::messages::MESSAGES;

type Item = Result<Received, RedisError>;

/// The messages that wait for the listener.
pub(in crate::driver) struct Messages {
    queue: Receiver<Item>,
    lost: Arc<AtomicU64>,
}

/// Receives the messages of a connection from redis-rs.
///
/// redis-rs reads a connection in one place, frame by frame, and calls [`put`](Self::put) for a message before it reads the next frame
/// (`PipelineSink::poll_read` and `send_result`). So a message that the server sent before a reply is in the queue, or counted as lost,
/// when the command resolves.
pub(super) struct MessageSink {
    queue: mpsc::Sender<Item>,
    lost: Arc<AtomicU64>,
}

impl Messages {
    pub(super) fn new() -> (MessageSink, Self) {
        let (sender, receiver) = mpsc::channel(MESSAGES);
        let lost = Arc::new(AtomicU64::new(0));
        (MessageSink { queue: sender, lost: lost.clone() }, Self { queue: receiver, lost })
    }

    pub(in crate::driver) async fn next(&mut self) -> Item {
        self.gap()?;
        match self.queue.recv().await {
            Some(received) => received,
            // The connection has ended, which its owner reports with the cause.
            None => std::future::pending().await,
        }
    }

    pub(in crate::driver) fn try_next(&mut self) -> Option<Item> {
        match self.gap() {
            Ok(()) => self.queue.try_recv().ok(),
            Err(gap) => Some(Err(gap)),
        }
    }

    fn gap(&self) -> Result<(), RedisError> {
        match self.lost.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            lost => Err(RedisError::Lagged(lost)),
        }
    }
}

impl MessageSink {
    pub(super) fn put(&self, push: PushInfo) -> Result<(), SendError> {
        let item = match push.kind {
            PushKind::Message => message(push.data),
            PushKind::Invalidate => changes(push.data),
            // Confirmations of subscriptions, and the end of the connection.
            _ => return Ok(()),
        };
        match self.queue.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(SendError),
        }
    }
}

/// A message, behind its channel.
fn message(data: Vec<Value>) -> Item {
    match <[Value; 2]>::try_from(data) {
        Ok([_, Value::BulkString(message)]) => Ok(Received::Message(message.into())),
        _ => Err(RedisError::UnexpectedReply),
    }
}

/// The keys that have changed. Null stands for all of them, and the next fence notices that anyway: it looks for the canary key.
fn changes(data: Vec<Value>) -> Item {
    let key = |key| match key {
        Value::BulkString(key) => Ok(Bytes::from(key)),
        _ => Err(RedisError::UnexpectedReply),
    };
    match <[Value; 1]>::try_from(data) {
        Ok([Value::Array(keys)]) => {
            keys.into_iter().map(key).collect::<Result<_, _>>().map(Received::KeysChanged)
        }
        Ok([Value::Nil]) => Ok(Received::KeysChanged(Vec::new())),
        _ => Err(RedisError::UnexpectedReply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(kind: PushKind, data: Vec<Value>) -> PushInfo {
        PushInfo { kind, data }
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[tokio::test]
    async fn messages_and_changes_come_in_their_order() {
        let (sink, mut messages) = Messages::new();
        sink.put(push(PushKind::Subscribe, vec![bulk("channel"), Value::Int(1)])).unwrap();
        sink.put(push(PushKind::Message, vec![bulk("channel"), bulk("one")])).unwrap();
        sink.put(push(PushKind::Invalidate, vec![Value::Array(vec![bulk("a"), bulk("b")])])).unwrap();
        sink.put(push(PushKind::Invalidate, vec![Value::Nil])).unwrap();
        sink.put(push(PushKind::Message, vec![bulk("channel")])).unwrap();
        drop(sink);
        assert!(matches!(messages.next().await, Ok(Received::Message(message)) if message == "one"));
        assert!(matches!(messages.try_next(), Some(Ok(Received::KeysChanged(keys))) if keys == ["a", "b"]));
        assert!(matches!(messages.try_next(), Some(Ok(Received::KeysChanged(keys))) if keys.is_empty()));
        assert!(matches!(messages.try_next(), Some(Err(RedisError::UnexpectedReply))));
        assert!(messages.try_next().is_none());
    }

    #[tokio::test]
    async fn lost_messages_are_reported_first() {
        let (sink, mut messages) = Messages::new();
        for _ in 0..MESSAGES + 3 {
            sink.put(push(PushKind::Message, vec![bulk("channel"), bulk("message")])).unwrap();
        }
        assert!(matches!(messages.try_next(), Some(Err(RedisError::Lagged(3)))));
        for _ in 0..MESSAGES {
            messages.next().await.unwrap();
        }
        assert!(messages.try_next().is_none());
    }
}
