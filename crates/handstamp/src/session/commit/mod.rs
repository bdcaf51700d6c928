//! Carries out the store's part of a plan.
//!
//! A request commits a batch of changes in four stages: [`LoadedSession`](super::loaded::LoadedSession) hands the batch over as a
//! [`Commit`]; a save joins others in [`Queues`](super::group_commit::Queues), and a renewal takes an exclusive turn there; the data
//! becomes an [`EncodedRecord`](super::encoded::EncodedRecord), which the store gets; and the session concludes the [`CommitOutcome`].
//!
//! | File | Content |
//! |---|---|
//! | `mod.rs` | the steps of a plan, one after the other |
//! | `outcome.rs` | what a commit returns |
//! | `create.rs` | a new session |
//! | `save.rs` | changes of a session, under its id or under a new one |
//! | `end.rs` | logouts, and the confirmation that a session is there |

mod create;
mod end;
mod outcome;
mod save;

use std::sync::Arc;

use handstamp_core::cookie::VerifiedCookie;
use handstamp_core::plan::{CookieStep, StoreStep};
use http::HeaderValue;

use self::outcome::Failure;
pub(super) use self::outcome::{CommitOutcome, Committed};
use super::absence::Absence;
use super::change::Change;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// The store's part of a plan, and everything that it takes.
pub(super) struct Commit<T: SessionData> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) step: StoreStep,
    pub(super) cookie_step: CookieStep,
    /// Whether the changes are a login: then a renewal restarts the absolute lifetime.
    pub(super) logs_in: bool,
    /// Whether the response can still set a cookie.
    pub(super) can_set_cookie: bool,
    /// The valid cookie that came with the request, or the one that the request has set since.
    pub(super) cookie: Option<VerifiedCookie>,
    /// Other valid cookies that came with the request.
    pub(super) ambiguous_cookies: Vec<VerifiedCookie>,
    pub(super) origin: Option<Arc<Snapshot<T>>>,
    /// The origin's data, or the default, with all changes made.
    pub(super) data: Arc<T>,
    pub(super) changes: Vec<Change<T>>,
}

impl<T: SessionData> Commit<T> {
    pub(super) async fn run(mut self) -> CommitOutcome<T> {
        let shared = self.shared.clone();
        let writes = shared.store().writes();
        // All but the save are boxed, or the commit of every save would be as large as that of the largest step.
        let committed = match self.step {
            StoreStep::Create => Box::pin(self.create(writes)).await.map_err(Failure::Failed),
            StoreStep::Save => self.save(writes).await,
            StoreStep::Renew => Box::pin(self.renew(writes)).await,
            StoreStep::Confirm => return Box::pin(self.confirm(writes)).await,
            StoreStep::CreateThenDelete => match Box::pin(self.create(writes)).await {
                Ok(created) => Box::pin(self.end_replaced(writes, created)).await,
                Err(error) => Err(Failure::Failed(error)),
            },
            StoreStep::Delete => Box::pin(self.end(writes)).await.map_err(Failure::Failed),
            StoreStep::DeleteThenCreate => match Box::pin(self.end(writes)).await {
                // Whether it had ended before does not matter to the session that begins now.
                Ok(_) | Err(SessionError::Gone) => {
                    Box::pin(self.create(writes)).await.map_err(Failure::Failed)
                }
                Err(error) => Err(Failure::Failed(error)),
            },
            StoreStep::Nothing | StoreStep::RejectEnded | StoreStep::RejectMoved => {
                return CommitOutcome::nothing();
            }
        };
        match committed {
            Ok(committed) => {
                CommitOutcome { cookie: self.cookie(&committed), committed: Some(committed), result: Ok(()) }
            }
            Err(Failure::Unknown(id, renewed, error)) => {
                let cookie = Some(shared.cookie().set(&id, renewed.time_left(shared.store().timestamp())));
                CommitOutcome { cookie, committed: Some(Committed::Moved(id, renewed)), result: Err(error) }
            }
            Err(Failure::Failed(error)) => self.failed(error),
        }
    }

    fn failed(&self, error: SessionError) -> CommitOutcome<T> {
        // Also if the end is not confirmed: this node does not serve the session any more, and repeats the delete.
        let ends = matches!(self.step, StoreStep::Delete | StoreStep::DeleteThenCreate);
        let absence = match &error {
            _ if ends => Some(Absence::NoTrace),
            SessionError::Gone => Some(Absence::Ended),
            SessionError::Moved => Some(Absence::Moved),
            _ => None,
        };
        CommitOutcome {
            cookie: ends.then(|| self.shared.cookie().removal()),
            committed: absence.map(Committed::Over),
            result: Err(error),
        }
    }

    fn cookie(&self, committed: &Committed<T>) -> Option<HeaderValue> {
        let cookie = self.shared.cookie();
        let set = |id, session: &Snapshot<T>| {
            Some(cookie.set(id, session.time_left(self.shared.store().timestamp())))
        };
        match (self.cookie_step, committed) {
            (CookieStep::Nothing, _) | (CookieStep::Set, Committed::Over(_)) => None,
            (CookieStep::Remove, _) => Some(cookie.removal()),
            (CookieStep::Set, Committed::Moved(id, session)) => set(id, session),
            (CookieStep::Set, Committed::Saved(session)) => {
                self.cookie.as_ref().and_then(|verified| set(&verified.id, session))
            }
        }
    }
}
