use std::error::Error;
use std::fmt;
use std::sync::Arc;

use handstamp_core::record::{RecordError, SubjectTooLong};

/// Any error, as the cause of another one.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Any error, as the cause of errors of many requests.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// A call of the store failed, or its outcome is unknown.
///
/// A session that is absent, or has another revision, is an outcome and never an error; an error never means "absent".
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// A load or a logout panicked. This is a bug of the store, or of the code that decodes sessions. A delete may have been carried out.
    Panicked,
    /// The store has something else than an authentic record under the key, or a record of a newer format.
    Record(RecordError),
    /// The store rejected the call, or the client did not send it because the store has not replied for a while. Nothing was done.
    Rejected(SharedError),
    /// The subject of the session is too long for a record. Nothing was done.
    SubjectTooLong(SubjectTooLong),
    /// No reply in time. The call may have been carried out.
    TimedOut,
    /// The store cannot be reached. The call may have been carried out if the connection broke in between.
    Unavailable(SharedError),
    /// The store does not have this optional capability. Nothing was done.
    Unsupported,
}

impl StoreError {
    /// The store rejected the call, for this reason.
    #[must_use]
    pub fn rejected(cause: impl Into<BoxError>) -> Self {
        Self::Rejected(Arc::from(cause.into()))
    }

    /// The store cannot be reached, for this reason.
    #[must_use]
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    /// Whether this is an outage: the same call may succeed later.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::TimedOut | Self::Unavailable(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked => f.write_str("the call of the session store panicked"),
            Self::Record(error) => error.fmt(f),
            Self::Rejected(_) => f.write_str("the session store rejected the call"),
            Self::SubjectTooLong(error) => error.fmt(f),
            Self::TimedOut => f.write_str("the session store did not reply in time"),
            Self::Unavailable(_) => f.write_str("the session store cannot be reached"),
            Self::Unsupported => f.write_str("the session store does not support this"),
        }
    }
}

/// Written by hand, so that the source is the cause itself and not the pointer to it.
impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(cause) | Self::Unavailable(cause) => Some(&**cause),
            Self::Panicked
            | Self::Record(_)
            | Self::SubjectTooLong(_)
            | Self::TimedOut
            | Self::Unsupported => None,
        }
    }
}

impl From<RecordError> for StoreError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<SubjectTooLong> for StoreError {
    fn from(error: SubjectTooLong) -> Self {
        Self::SubjectTooLong(error)
    }
}
