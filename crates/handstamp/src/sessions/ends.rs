use futures_util::future::join_all;
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
        ended.await.unwrap_or_else(|error| {
            Err(if error.is_panic() { StoreError::Panicked } else { StoreError::unavailable(error) })
        })
    }

    /// [`end`](Self::end), for the session with this [public id](crate::Session::public_id). If there is none, that is
    /// [`EndOutcome::Absent`].
    ///
    /// **This reads all sessions of the store**, page by page: for a tool or an administrator's page, not for every request. If the session
    /// moves to another id while this runs, it may be missed: repeat the call if it matters. The search has no time limit, except those of
    /// the store for each page.
    ///
    /// # Errors
    ///
    /// If the session is not found: [`StoreError::Unsupported`] if the store cannot list its sessions, [`StoreError::Record`] if a record
    /// appears to be the session, but this node has not the secret or the version to verify it, and other errors if a part of the store
    /// cannot be reached. If it is found, as with [`end`](Self::end).
    ///
    /// # Cancel safety
    ///
    /// The session is still there, or has ended. Of a session that is being renewed, the record under one id may have ended, and that under the
    /// other may be there.
    pub async fn end_by_public_id(&self, public_id: &PublicId) -> Result<EndOutcome, StoreError> {
        let keys = self.store().find(public_id).await?;
        // All of them, also if one fails.
        let outcomes = join_all(keys.iter().map(|key| self.end(key))).await;
        outcomes.into_iter().try_fold(EndOutcome::Absent, |strongest, outcome| Ok(strongest.min(outcome?)))
    }
}
