use std::time::Duration;

use handstamp_core::id::RandomError;
use handstamp_core::record::RecordError;
use handstamp_store::{BoxError, StoreError};
use http::StatusCode;

/// Why a session could not be read, or what the handler asked for could not be done.
///
/// When the layer answers with an error of its own, it puts an `Arc<SessionError>` into the response's
/// extensions, for outer layers to log or to make a nicer page of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The task that wrote the session died: encoding the data panicked, or the runtime was shut down.
    #[error("the session could not be written")]
    Aborted,
    /// Other requests kept changing the session, until there was no time left.
    #[error("the session was changed by other requests again and again")]
    Conflict,
    /// The session was ended while the request was under way, so its changes were not kept.
    #[error("the session has ended meanwhile")]
    Gone,
    /// A newer version of the application has stored the data. It must not be overwritten.
    #[error("the session's data has schema {stored}, this node knows {known}")]
    NewerSchema {
        /// The schema version of the stored data.
        stored: u16,
        /// The schema version of this node.
        known: u16,
    },
    /// The operating system gave no random bytes for an id or a revision.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data is larger than allowed.
    #[error("the session's data takes {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The stored data cannot be decoded into the application's type.
    #[error("the session's data cannot be decoded")]
    Undecodable(#[source] BoxError),
    /// The application's data cannot be encoded.
    #[error("the session's data cannot be encoded")]
    Unencodable(#[source] BoxError),
}

impl SessionError {
    /// The status to answer with: 503 where trying again may help, 409 for a conflict, 401 where the session is
    /// over, 500 where the application is at fault.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Conflict => StatusCode::CONFLICT,
            Self::Gone => StatusCode::UNAUTHORIZED,
            Self::Aborted | Self::TooLarge { .. } | Self::Undecodable(_) | Self::Unencodable(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::NewerSchema { .. } | Self::Random(_) | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// How long a client should wait before it tries again; `None` where that would not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let may_help = matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT);
        may_help.then_some(Duration::from_secs(1))
    }

    /// Whether something is stored that nobody can make sense of any more.
    pub(crate) const fn is_undecodable(&self) -> bool {
        matches!(self, Self::Undecodable(_) | Self::Store(StoreError::Record(RecordError::Malformed)))
    }
}
