use std::error::Error;
use std::fmt;
use std::time::Duration;

use handstamp_core::id::RandomError;
use handstamp_core::record::RecordError;
use handstamp_store::{SharedError, StoreError};
use http::StatusCode;

/// Why a session could not be loaded or saved.
///
/// When the layer or an extractor responds with an error, the error is in the [extensions](http::Response::extensions) of the response, so that
/// outer layers can log it. [`SessionLayer::error_response`](crate::SessionLayer::error_response) makes error pages of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// The commit was aborted: encoding or changing the data panicked, or the runtime was shut down. Or the handler panicked, or its request was
    /// cancelled, so that its changes are incomplete or cannot be replayed.
    Aborted,
    /// Other requests kept changing the session until the save budget was used up. Nothing was changed.
    Conflict,
    /// The session has ended, during the request or just before it, so its changes were not saved.
    Gone,
    /// The session has moved to another id, with a login for example, during the request or just before it, so its changes were not saved. The
    /// browser has the cookie of the new id, or is about to get it.
    Moved,
    /// A newer version of the application has stored the data. It must not be overwritten.
    NewerSchema {
        /// The schema version of the stored data.
        stored: u16,
        /// The schema version of this node.
        known: u16,
    },
    /// The random generator of the operating system failed.
    Random(RandomError),
    /// The store failed.
    Store(StoreError),
    /// The response has been sent, or the request was cancelled, so no cookie can be set: no session can be created or renewed any more.
    ResponseAlreadySent,
    /// The request has more cookies than are examined, 180 cookies and 16 KiB, and a session cookie among the others.
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
    /// The status of the response: 401 if the session has ended, 409 for a conflict and if the session has moved, 431 for too many cookies, 503
    /// if trying again may help, 500 otherwise.
    ///
    /// [`gone_status`](crate::SessionLayer::gone_status) and [`conflict_status`](crate::SessionLayer::conflict_status) replace 401 and 409 in
    /// responses.
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

    /// How long a client should wait before it tries again; `None` if that would not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let may_help = matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT);
        may_help.then_some(Duration::from_secs(1))
    }

    /// Whether there is a record that only other nodes can use and overwrite: a newer version has written it, or it is sealed under a secret that
    /// this node does not have.
    pub(crate) const fn is_of_another_node(&self) -> bool {
        matches!(
            self,
            Self::NewerSchema { .. }
                | Self::Store(StoreError::Record(RecordError::Newer(_) | RecordError::UnknownKey))
        )
    }

    /// Whether the policy for outages applies.
    pub(crate) const fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_outage())
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborted => f.write_str("the session could not be saved"),
            Self::Conflict => f.write_str("other requests kept changing the session"),
            Self::Gone => f.write_str("the session has ended in the meantime"),
            Self::Moved => f.write_str("the session has moved to another id in the meantime"),
            Self::NewerSchema { stored, known } => {
                write!(f, "the session's data has schema {stored}, and this node knows schemas up to {known}")
            }
            Self::Random(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::ResponseAlreadySent => {
                f.write_str("the response has been sent, so no session can be created or renewed")
            }
            Self::TooManyCookies => f.write_str(
                "the request has too many cookies: its session cookie is not among the first 180 and 16 KiB",
            ),
            Self::TooLarge { size, limit } => {
                write!(f, "the session's data has {size} bytes, and SESSION_MAX_SIZE allows {limit}")
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
