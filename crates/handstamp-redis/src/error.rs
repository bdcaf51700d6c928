use std::borrow::Cow;

use handstamp_core::record::RecordError;
use handstamp_store::{BusError, StoreError};

use crate::Refusal;

/// What went wrong between us and the server: the source of every [`StoreError`] and [`BusError`] of this crate.
///
/// None of these repeats what the server said, which may quote keys and values.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The server does not take the user or the password.
    #[error("authentication failed: the server does not accept the user or the password")]
    Authentication,
    /// As many commands as are allowed wait for the server.
    #[error("too many commands wait for the server")]
    Busy,
    /// The server has not answered lately, and is not asked before it does.
    #[error("the server has not answered lately: its circuit is open")]
    CircuitOpen,
    /// The store was closed.
    #[error("the connection to the server was closed by this node")]
    Closed,
    /// There is no connection, or there is no longer.
    #[error("no connection to the server: {0}")]
    Connection(Cow<'static, str>),
    /// Commands may go to another server than the one that a subscription listens to.
    #[error("commands may go to another server than the one that the subscription listens to")]
    DifferentServer,
    /// Messages came faster than they were taken, and some are lost.
    #[error("lost {0} messages that this node was too slow to take")]
    Lagged(u64),
    /// The server is a replica now, or a Sentinel. It would answer, but not for long with the truth.
    #[error("the server is no primary: name the primary, or its Sentinels")]
    NotPrimary,
    /// The write was done, but too few replicas have it yet: a failover might undo it.
    #[error("the write was done, but too few replicas have it yet")]
    NotReplicated,
    /// The server accepts no commands without a password, and none was given.
    #[error("the server wants a password: give it in the URL, or set REDIS_PASSWORD")]
    PasswordNeeded,
    /// The server sent something that does not answer the command.
    #[error("the server sent something that does not answer the command")]
    Protocol,
    /// The server answered that it will not do it.
    #[error("the server answered {0}")]
    Refused(Refusal),
    /// No answer in time. Whether it was done is unknown.
    #[error("no answer from the server in time")]
    TimedOut,
}

impl RedisError {
    /// Nothing is answered any more.
    pub(crate) const fn silence() -> Self {
        Self::Connection(Cow::Borrowed("it does not answer"))
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        match error {
            // Somebody has put something else under the key, such as a list: no record, as with bytes that are none.
            RedisError::Refused(refusal) if refusal.is_wrong_type() => Self::Record(RecordError::Malformed),
            // Of the first two, nothing was sent, and asking again at once is of no use.
            RedisError::Busy | RedisError::CircuitOpen | RedisError::NotPrimary | RedisError::Refused(_) => {
                Self::rejected(error)
            }
            RedisError::TimedOut => Self::TimedOut,
            _ => Self::unavailable(error),
        }
    }
}

impl From<RedisError> for BusError {
    fn from(error: RedisError) -> Self {
        Self::new(error)
    }
}
