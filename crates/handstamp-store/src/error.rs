use std::error::Error;
use std::fmt;
use std::sync::Arc;

use handstamp_core::record::{RecordError, SubjectTooLong};

/// Any error, on its way to become a source.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Any error, as a source: many requests may fail for the same reason.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// The store could not do what was asked, or not for certain.
///
/// That a session is not there, or has another revision, is an outcome and never an error; an error never means
/// "not there".
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// What lies in the store is not the record that was asked for.
    Record(RecordError),
    /// The store answered that it will not do it, or is not asked because it has not answered for a while. Nothing was done.
    Rejected(SharedError),
    /// A load panicked: there is a bug in the store, or in the code that decodes sessions.
    Panicked,
    /// No answer in time. Whether it was done is unknown.
    TimedOut,
    /// The record cannot be written down: the session's subject is too long.
    SubjectTooLong(SubjectTooLong),
    /// The store could not be reached. Whether it was done is unknown, if the connection broke in between.
    Unavailable(SharedError),
}

impl StoreError {
    /// The store will not do it, for this reason.
    #[must_use]
    pub fn rejected(cause: impl Into<BoxError>) -> Self {
        Self::Rejected(Arc::from(cause.into()))
    }

    /// The store cannot be reached, for this reason.
    #[must_use]
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    /// Whether the store is to blame, and the same call may succeed later.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::TimedOut | Self::Unavailable(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Rejected(_) => f.write_str("the session store refused"),
            Self::Panicked => f.write_str("loading the session panicked"),
            Self::TimedOut => f.write_str("the session store did not answer in time"),
            Self::SubjectTooLong(error) => error.fmt(f),
            Self::Unavailable(_) => f.write_str("the session store cannot be reached"),
        }
    }
}

/// By hand, so that the source is the cause itself and not the pointer to it.
impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(cause) | Self::Unavailable(cause) => Some(&**cause),
            Self::Panicked | Self::Record(_) | Self::TimedOut | Self::SubjectTooLong(_) => None,
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
