use std::sync::Arc;

use handstamp_core::id::SessionId;
use handstamp_store::StoreError;
use http::HeaderValue;

use super::super::absence::Absence;
use super::super::snapshot::Snapshot;
use crate::SessionError;

/// How a commit ends.
pub(in crate::session) struct CommitOutcome<T> {
    /// The cookie to send.
    pub(in crate::session) cookie: Option<HeaderValue>,
    /// The change that was committed.
    pub(in crate::session) committed: Option<Committed<T>>,
    pub(in crate::session) result: Result<(), SessionError>,
}

/// The session after a commit.
pub(in crate::session) enum Committed<T> {
    /// It has the id that it had.
    Saved(Arc<Snapshot<T>>),
    /// It has this new id.
    Moved(SessionId, Arc<Snapshot<T>>),
    /// There is none under the id that it had.
    Over(Absence),
}

/// Why a commit was not carried out.
pub(super) enum Failure<T> {
    Failed(SessionError),
    /// It is unknown whether the session has moved to this id, or it has, and the old one may still be there. The browser gets the new id.
    Unknown(SessionId, Arc<Snapshot<T>>, SessionError),
}

impl<T> CommitOutcome<T> {
    pub(in crate::session) fn nothing() -> Self {
        Self { cookie: None, committed: None, result: Ok(()) }
    }

    pub(in crate::session) fn failed(error: SessionError) -> Self {
        Self { cookie: None, committed: None, result: Err(error) }
    }
}

impl<T> From<SessionError> for Failure<T> {
    fn from(error: SessionError) -> Self {
        Self::Failed(error)
    }
}

impl<T> From<StoreError> for Failure<T> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
