use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::keys::KeyAge;
use handstamp_core::time::Timestamp;
use handstamp_store::{Lookup, SaveOutcome, TouchOutcome, WriteScope};

use super::Shared;
use crate::session::{Snapshot, Touch};
use crate::{SessionData, SessionError};

/// Touches: how the life of a session is extended.
impl<T: SessionData> Shared<T> {
    /// The time to live of a record that is written `now`; `None` when its absolute deadline has passed. The deadline is ignored as long as
    /// the store's time is not known.
    pub(crate) fn time_to_live(&self, now: Timestamp, deadline: Timestamp) -> Option<Duration> {
        if self.store().is_time_known() {
            self.timeouts().time_to_live(now, deadline)
        } else {
            Some(self.timeouts().idle)
        }
    }

    /// Extends the life of a session that has not been extracted yet, if it is time for that.
    pub(crate) async fn count_use(self: &Arc<Self>, key: &SessionKey) -> Result<(), SessionError> {
        match self.lookup_or_load(key).await? {
            Lookup::Found(session) if session.life.claim_touch(self.now(), self.timeouts()) => {
                self.spawn_touch(session).await.unwrap_or(Err(SessionError::Aborted))
            }
            _ => Ok(()),
        }
    }

    /// Extends the session's life in the background.
    pub(crate) fn spawn_touch(self: &Arc<Self>, session: Arc<Snapshot<T>>) -> Touch {
        let shared = self.clone();
        self.spawn(async move {
            match shared.extend(&session).await {
                Ok(()) => Ok(()),
                // Later requests on this node need not find that out again.
                Err(error @ (SessionError::Gone | SessionError::Moved)) => {
                    session.life.end(matches!(error, SessionError::Moved));
                    Err(error)
                }
                Err(error) => {
                    session.life.touch_at_once();
                    tracing::debug!(error = &error as &dyn Error, "a session's life could not be extended");
                    Err(error)
                }
            }
        })
    }

    /// Makes sure that the session is in the store, sealed under the current key. Returns how long it lives at most; `None` if it is not
    /// there.
    pub(crate) async fn confirm(
        &self,
        session: &Snapshot<T>,
        writes: WriteScope<'_>,
    ) -> Result<Option<Duration>, SessionError> {
        writes.learn_time().await?;
        let now = self.store().timestamp();
        let deadline = session.metadata.expires_at;
        let ttl = self.time_to_live(now, deadline).ok_or(SessionError::Gone)?;
        let confirmed = writes.confirm(&session.metadata.key, ttl, self.timeouts().touch_interval()).await?;
        Ok((confirmed == Some(KeyAge::Current)).then(|| session.time_left(now)))
    }

    async fn extend(&self, session: &Snapshot<T>) -> Result<(), SessionError> {
        let writes = self.store().writes();
        writes.learn_time().await?;
        if session.life.is_outdated() {
            match session.rewrite(self, writes).await? {
                SaveOutcome::Saved => return Ok(()),
                SaveOutcome::Moved => return Err(SessionError::Moved),
                SaveOutcome::Gone => return Err(SessionError::Gone),
                // A concurrent save has replaced the record.
                SaveOutcome::Conflict => {}
            }
        }
        let now = self.store().timestamp();
        let ttl = self.time_to_live(now, session.metadata.expires_at).ok_or(SessionError::Gone)?;
        let key = &session.metadata.key;
        let touched = match session.key_age {
            KeyAge::Current => writes.touch(key, ttl).await?,
            KeyAge::Other => writes.reseal(key, ttl).await?,
        };
        match touched {
            TouchOutcome::Touched => {
                session.life.extended(ttl, now);
                Ok(())
            }
            TouchOutcome::Moved => Err(SessionError::Moved),
            TouchOutcome::Gone => Err(SessionError::Gone),
        }
    }
}
