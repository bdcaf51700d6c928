use std::borrow::Cow;

use crate::ErrorReply;

/// Why a command or a subscription failed.
///
/// No error repeats the text of a server, which may quote keys and values.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The server does not accept the user or the password.
    #[error("authentication failed: the server does not accept the user or the password")]
    Authentication,
    /// [`RedisConfig::max_in_flight`](crate::RedisConfig::max_in_flight) commands wait for the server already.
    #[error("too many commands wait for the server")]
    Busy,
    /// The circuit of the server is open: it did not reply to the commands before, and this one was not sent.
    #[error("the server has not replied recently: its circuit is open")]
    CircuitOpen,
    /// The client was closed.
    #[error("the connection to the server was closed by this node")]
    Closed,
    /// There is no connection, or it was lost.
    #[error("no connection to the server: {0}")]
    Connection(Cow<'static, str>),
    /// Commands may go to another server than the one of the subscription.
    #[error("commands may go to another server than the one of the subscription")]
    DifferentServer,
    /// The server replied with an error.
    #[error("the server replied {0}")]
    ErrorReply(ErrorReply),
    /// Messages arrived faster than they were taken, and some are lost.
    #[error("lost {0} messages because this node was too slow to take them")]
    Lagged(u64),
    /// The server is a replica now, or a Sentinel. It would still reply, but soon with stale data.
    #[error("the server is no primary: name the primary, or its Sentinels")]
    NotPrimary,
    /// The write was done, but too few replicas have it yet: a failover might undo it.
    #[error("the write was done, but too few replicas have it yet")]
    NotReplicated,
    /// The server accepts no commands without a password, and none was given.
    #[error("the server requires a password: give it in the URL, or set REDIS_PASSWORD")]
    PasswordNeeded,
    /// The limit has passed without a reply. Whether the command was carried out is unknown.
    #[error("no reply from the server in time")]
    TimedOut,
    /// The reply cannot be the one to the command.
    #[error("the server sent an unexpected reply")]
    UnexpectedReply,
}

impl RedisError {
    /// The error reply, if it is one.
    #[must_use]
    pub const fn error_reply(&self) -> Option<&ErrorReply> {
        match self {
            Self::ErrorReply(reply) => Some(reply),
            _ => None,
        }
    }

    pub(crate) const fn unresponsive() -> Self {
        Self::Connection(Cow::Borrowed("it does not reply"))
    }
}
