use std::sync::Arc;

use fred::interfaces::{ClientLike, EventInterface, TrackingInterface};
use fred::types::client::Invalidation;
use fred::types::{Key, Message};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};

use super::Sender;
use crate::RedisError;
use crate::driver::Received;
use crate::driver::messages::MESSAGES;

pub(in crate::driver) struct Messages {
    messages: Receiver<Message>,
    changes: Receiver<Invalidation>,
}

impl Messages {
    /// The messages that the connection will receive. They come before the connection does: messages without a receiver are
    /// dropped.
    pub(in crate::driver) fn of(sender: &Sender, tracking: bool) -> Self {
        let client = sender.client();
        // The setting of fred enlarges all channels of a client, which would take ten megabytes.
        let channel_of_messages = broadcast::Sender::new(MESSAGES);
        client.inner().notifications.pubsub.store(Arc::new(channel_of_messages));
        if tracking {
            let channel_of_changes = broadcast::Sender::new(CHANGES);
            client.inner().notifications.invalidations.store(Arc::new(channel_of_changes));
        }
        Self { messages: client.message_rx(), changes: client.invalidation_rx() }
    }

    pub(in crate::driver) async fn next(&mut self) -> Result<Received, RedisError> {
        tokio::select! {
            biased;
            received = self.messages.recv() => message(received.map_err(|error| gap(&error))?),
            received = self.changes.recv() => Ok(changes(received.map_err(|error| gap(&error))?)),
        }
    }

    pub(in crate::driver) fn try_next(&mut self) -> Option<Result<Received, RedisError>> {
        match ready(self.messages.try_recv()) {
            Some(received) => Some(received.and_then(message)),
            None => ready(self.changes.try_recv()).map(|received| received.map(changes)),
        }
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

/// Only servers send these.
const CHANGES: usize = 4_096;
