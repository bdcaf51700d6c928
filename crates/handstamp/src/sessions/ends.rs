use handstamp_core::id::{PublicId, SessionKey};
use handstamp_store::{EndOutcome, StoreError};

use super::Sessions;

/// Logouts by other code than the visitor's request, such as an administrator's.
impl Sessions {
    /// Ends a session on all nodes, as a logout does, also if it has moved to another id. See [`Session::key`](crate::Session::key).
    ///
    /// # Errors
    ///
    /// When the store does not confirm it within [`session_save_budget`](crate::Config::session_save_budget). The session has then ended on
    /// this node, which repeats the delete until the store confirms it.
    ///
    /// # Cancel safety
    ///
    /// A delete that has begun is finished, also when this future is dropped.
    pub async fn end(&self, key: &SessionKey) -> Result<EndOutcome, StoreError> {
        let (sessions, key) = (self.clone(), *key);
        let ended = self.spawn(async move { sessions.store().writes().end(&key).await });
        ended.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    /// [`end`](Self::end), for the session with this [public id](crate::Session::public_id). If there is none, that is
    /// [`EndOutcome::Absent`].
    ///
    /// **This reads all sessions of the store**, page by page, until it finds the session: for a tool or an administrator's page, not for
    /// every request. If the session moves to another id while this runs, it may be missed: repeat the call if it matters.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] if the store cannot list its sessions; otherwise as with [`end`](Self::end).
    ///
    /// # Cancel safety
    ///
    /// The session is still there, or has ended.
    pub async fn end_by_public_id(&self, public_id: &PublicId) -> Result<EndOutcome, StoreError> {
        match self.store().find(public_id).await? {
            Some(key) => self.end(&key).await,
            None => Ok(EndOutcome::Absent),
        }
    }
}
