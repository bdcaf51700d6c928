use std::sync::Arc;

use handstamp_core::record::{RecordError, SubjectTooLong};

/// Any error, on its way to become a source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any error, as a source: many requests may fail for the same reason.
pub type SharedError = Arc<dyn std::error::Error + Send + Sync>;

/// The store could not do what was asked, or not for certain.
///
/// That a session is not there, or has another revision, is an outcome and never an error; an error never means
/// "not there".
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What lies in the store is not the record that was asked for.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The store answered that it will not do it.
    #[error("the session store refused")]
    Refused(#[source] SharedError),
    /// No answer in time. Whether it was done is unknown.
    #[error("the session store did not answer in time")]
    TimedOut,
    /// The store could not be reached. Whether it was done is unknown, if the connection broke in between.
    #[error("the session store cannot be reached")]
    Unavailable(#[source] SharedError),
}

impl StoreError {
    /// The store will not do it, for this reason.
    #[must_use]
    pub fn refused(cause: impl Into<BoxError>) -> Self {
        Self::Refused(Arc::from(cause.into()))
    }

    /// The store cannot be reached, for this reason.
    #[must_use]
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    /// Whether the store is to blame, and the same call may succeed later.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::TimedOut | Self::Unavailable(_))
    }
}

impl From<SubjectTooLong> for StoreError {
    /// A record that cannot be written down is refused by every store.
    fn from(error: SubjectTooLong) -> Self {
        Self::refused(error)
    }
}
