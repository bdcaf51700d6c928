use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::change::Change;
use super::super::snapshot::Snapshot;
use crate::SessionError;

/// The save of one request.
pub(super) struct Save<T> {
    /// The session as the request has read it.
    pub(super) origin: Arc<Snapshot<T>>,
    /// The origin's data with all changes made.
    pub(super) data: Arc<T>,
    pub(super) changes: Vec<Change<T>>,
    result: oneshot::Sender<Saved<T>>,
}

/// The session as it is in the store after a save.
pub(in crate::session) type Saved<T> = Result<Arc<Snapshot<T>>, NotSaved<T>>;

/// Why a save was not done.
pub(in crate::session) enum NotSaved<T> {
    Failed(SessionError),
    /// On the session as it is now in the store, these changes are a login, which has to renew it.
    LogsIn(Arc<Snapshot<T>>, Vec<Change<T>>),
}

impl<T> Save<T> {
    pub(super) fn new(
        origin: Arc<Snapshot<T>>,
        data: Arc<T>,
        changes: Vec<Change<T>>,
    ) -> (Self, oneshot::Receiver<Saved<T>>) {
        let (result, saved) = oneshot::channel();
        (Self { origin, data, changes, result }, saved)
    }

    /// Whether its request does not wait any more. It has reported that the outcome is unknown.
    pub(super) fn is_abandoned(&self) -> bool {
        self.result.is_closed()
    }

    pub(super) fn complete(self, saved: Result<Arc<Snapshot<T>>, SessionError>) {
        let _ = self.result.send(saved.map_err(NotSaved::Failed));
    }

    /// The changes are a login on `fresh`.
    pub(super) fn complete_as_login(self, fresh: Arc<Snapshot<T>>) {
        let _ = self.result.send(Err(NotSaved::LogsIn(fresh, self.changes)));
    }
}

impl<T> From<SessionError> for NotSaved<T> {
    fn from(error: SessionError) -> Self {
        Self::Failed(error)
    }
}
