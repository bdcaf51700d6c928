use std::sync::Arc;

use handstamp_core::plan::CookieStep;
use handstamp_store::WriteScope;

use super::super::change::changed;
use super::super::group_commit::{NotSaved, Queues};
use super::super::renewal::{NotRenewed, Renewal};
use super::{Commit, Committed, Failure};
use crate::{SessionData, SessionError};

impl<T: SessionData> Commit<T> {
    /// Saves the session under its id, unless the changes turn out to be a login.
    pub(super) async fn save(&mut self, writes: WriteScope<'_>) -> Result<Committed<T>, Failure<T>> {
        writes.learn_time().await?;
        let origin = self.origin.clone().ok_or(SessionError::Gone)?;
        let changes = std::mem::take(&mut self.changes);
        match Queues::save(&self.shared, writes, origin, self.data.clone(), changes).await {
            Ok(saved) => Ok(Committed::Saved(saved)),
            Err(NotSaved::Failed(error)) => Err(error.into()),
            Err(NotSaved::LogsIn(..)) if !self.can_set_cookie => {
                Err(SessionError::ResponseAlreadySent.into())
            }
            Err(NotSaved::LogsIn(fresh, changes)) => {
                self.data = Arc::new(changed(self.shared.replays(), &*fresh.data, &changes)?);
                (self.origin, self.changes, self.logs_in) = (Some(fresh), changes, true);
                self.cookie_step = CookieStep::Set;
                Box::pin(self.renew(writes)).await
            }
        }
    }

    /// Moves the session to a new id.
    pub(super) async fn renew(&mut self, writes: WriteScope<'_>) -> Result<Committed<T>, Failure<T>> {
        writes.learn_time().await?;
        let origin = self.origin.clone().ok_or(SessionError::Gone)?;
        let changes = std::mem::take(&mut self.changes);
        match Renewal::run(&self.shared, writes, origin, self.data.clone(), changes, self.logs_in).await {
            Ok((id, renewed)) => Ok(Committed::Moved(id, renewed)),
            Err(NotRenewed::Unknown(id, renewed, error)) => Err(Failure::Unknown(id, renewed, error)),
            Err(NotRenewed::Failed(error)) => Err(error.into()),
            Err(NotRenewed::Over(changes, error)) if self.logs_in => {
                Ok(self.log_in_anew(writes, changes, error).await?)
            }
            Err(NotRenewed::Over(_, error)) => Err(error.into()),
        }
    }
}
