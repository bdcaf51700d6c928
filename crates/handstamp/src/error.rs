use std::error::Error;
use std::fmt;
use std::time::Duration;

use handstamp_core::id::RandomError;
use handstamp_core::record::RecordError;
use handstamp_store::{SharedError, StoreError};
use http::StatusCode;

/// Why a session could not be read, or what the handler asked for could not be done.
///
/// When the layer answers with an error of its own, it puts this into the response's extensions, for outer layers to
/// log or to make a nicer page of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// The task that wrote the session died: encoding or changing the data panicked, or the runtime was shut down. Or the handler
    /// panicked, or its request was given up, so that its changes are incomplete or cannot be made again.
    Aborted,
    /// Other requests kept changing the session, until there was no time left. Nothing was changed.
    Conflict,
    /// The session has ended, while the request was under way or just before, so its changes were not kept.
    Gone,
    /// The session has moved to another id, with a login for example, while the request was under way or just before, so its changes
    /// were not kept. The browser has the cookie of the new id, or is about to get it.
    Moved,
    /// A newer version of the application has stored the data. It must not be overwritten.
    NewerSchema {
        /// The schema version of the stored data.
        stored: u16,
        /// The schema version of this node.
        known: u16,
    },
    /// The operating system gave no random bytes for an id or a revision.
    Random(RandomError),
    /// The store failed.
    Store(StoreError),
    /// The answer has left, or the request was given up, and no cookie can be sent any more: no session can be created or renewed
    /// now.
    ResponseAlreadySent,
    /// The request has more cookies than are examined, 180 of them and 16 KiB, and a session cookie among those that were
    /// not.
    TooManyCookies,
    /// The data is larger than allowed.
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The stored data cannot be decoded into the application's type any more.
    Undecodable(SharedError),
    /// The application's data cannot be encoded, or not so that it can be decoded again. Nothing was changed.
    Unencodable(SharedError),
}

impl SessionError {
    /// The status of the response: 431 where there are too many cookies, 503 where trying again may help, 409 for a conflict and where the
    /// session has moved, 401 where it has ended, 500 where the application is at fault.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Conflict | Self::Moved => StatusCode::CONFLICT,
            Self::Gone => StatusCode::UNAUTHORIZED,
            Self::TooManyCookies => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Aborted
            | Self::Store(StoreError::Panicked | StoreError::SubjectTooLong(_))
            | Self::TooLarge { .. }
            | Self::ResponseAlreadySent
            | Self::Undecodable(_)
            | Self::Unencodable(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NewerSchema { .. } | Self::Random(_) | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// How long a client should wait before it tries again; `None` where that would not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let may_help = matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT);
        may_help.then_some(Duration::from_secs(1))
    }

    /// Whether there is a record that this node must neither use nor overwrite, and another may: a newer version has written it, or it is
    /// sealed under a secret that this node does not have.
    pub(crate) const fn is_of_another_node(&self) -> bool {
        matches!(
            self,
            Self::NewerSchema { .. }
                | Self::Store(StoreError::Record(RecordError::Newer(_) | RecordError::UnknownKey))
        )
    }

    /// Whether the store is to blame, so that the policy for outages applies.
    pub(crate) const fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_outage())
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborted => f.write_str("the session could not be written"),
            Self::Conflict => f.write_str("the session was changed by other requests again and again"),
            Self::Gone => f.write_str("the session has ended meanwhile"),
            Self::Moved => f.write_str("the session has moved to another id meanwhile"),
            Self::NewerSchema { stored, known } => {
                write!(f, "the session's data has schema {stored}, this node knows {known}")
            }
            Self::Random(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::ResponseAlreadySent => {
                f.write_str("there is no response any more that could give the browser a session")
            }
            Self::TooManyCookies => {
                f.write_str("the request has too many cookies to find its session cookie")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "the session's data takes {size} bytes, at most {limit} are allowed")
            }
            Self::Undecodable(_) => f.write_str("the session's data cannot be decoded"),
            Self::Unencodable(_) => f.write_str("the session's data cannot be encoded"),
        }
    }
}

/// By hand, so that the source is the cause itself and not the pointer to it.
impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Random(error) => error.source(),
            Self::Store(error) => error.source(),
            Self::Undecodable(cause) | Self::Unencodable(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl From<RandomError> for SessionError {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
