use bytes::Bytes;

use super::fred;
#[cfg(feature = "redis-rs")]
use super::redis_rs;
use crate::RedisError;

/// An event that a listener receives.
pub(crate) enum Received {
    Message(Bytes),
    /// These keys were changed or deleted.
    KeysChanged(Vec<Bytes>),
}

/// The messages of a connection that wait for the listener, up to [`MESSAGES`].
pub(super) enum Messages {
    Fred(fred::Messages),
    #[cfg(feature = "redis-rs")]
    RedisRs(redis_rs::Messages),
}

impl Messages {
    /// The next message. It may wait for ever after the end of the connection.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub(super) async fn next(&mut self) -> Result<Received, RedisError> {
        match self {
            Self::Fred(messages) => messages.next().await,
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(messages) => messages.next().await,
        }
    }

    /// The next message, if it has arrived already.
    pub(super) fn try_next(&mut self) -> Option<Result<Received, RedisError>> {
        match self {
            Self::Fred(messages) => messages.try_next(),
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(messages) => messages.try_next(),
        }
    }
}

/// A listener that falls this many messages behind loses some, and its next call reports that. fred reads up to a megabyte before
/// the listener is polled, which is this many of the shortest messages. Its slots for them take five megabytes.
pub(super) const MESSAGES: usize = 32_768;
