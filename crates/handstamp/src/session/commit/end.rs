use handstamp_store::{EndOutcome, WriteScope};

use super::super::absence::Absence;
use super::{Commit, CommitOutcome, Committed, Failure};
use crate::{SessionData, SessionError};

impl<T: SessionData> Commit<T> {
    /// Ends all sessions that the request has shown a valid cookie of.
    pub(super) async fn end(&mut self, writes: WriteScope<'_>) -> Result<Committed<T>, SessionError> {
        let mut outcome = Ok(Committed::Over(Absence::NoTrace));
        for (position, cookie) in self.cookie.iter().chain(&self.ambiguous_cookies).enumerate() {
            match writes.end(&self.shared.namespace().session_key(&cookie.id)).await {
                // The request has seen it, and now there is no trace of where it has gone.
                Ok(EndOutcome::Absent) if position == 0 && self.origin.is_some() && outcome.is_ok() => {
                    outcome = Err(SessionError::Gone);
                }
                Ok(_) => {}
                Err(error) => outcome = Err(error.into()),
            }
        }
        outcome
    }

    /// Ends the session that another one has replaced.
    pub(super) async fn end_replaced(
        &mut self,
        writes: WriteScope<'_>,
        created: Committed<T>,
    ) -> Result<Committed<T>, Failure<T>> {
        match (self.end(writes).await, created) {
            // This node repeats the delete.
            (Err(error @ SessionError::Store(_)), Committed::Moved(id, session)) => {
                Err(Failure::Unknown(id, session, error))
            }
            (_, created) => Ok(created),
        }
    }

    /// Makes sure that the session is there before its cookie is issued again: the cache may be stale, and the response would replace the
    /// cookie of another session. The record is sealed again, too, so that the old key is not needed for this session any more. The
    /// request succeeds in any case.
    pub(super) async fn confirm(&mut self, writes: WriteScope<'_>) -> CommitOutcome<T> {
        let mut outcome = CommitOutcome::nothing();
        if let (Some(origin), Some(cookie)) = (&self.origin, &self.cookie)
            && let Ok(Some(time_left)) = self.shared.confirm(origin, writes).await
        {
            outcome.cookie = Some(self.shared.cookie().set(&cookie.id, time_left));
        }
        outcome
    }
}
