use std::sync::Arc;

use handstamp_core::cookie::Presented;
use handstamp_core::keys::KeyAge;
use handstamp_core::plan::{CookieStep, Facts, SessionState, StoreStep, plan};
use http::Response;

use super::RequestSession;
use super::commit::{Commit, CommitOutcome};
use super::loaded::LoadedSession;
use super::request_session::State;
use crate::layer::respond::Marks;
use crate::{DiscardSession, SessionData, SessionError};

/// The work that is left when the handler has responded.
pub(crate) enum Finish {
    /// Nothing: the session was not used.
    Untouched,
    /// Nothing that the response has to wait for.
    Done(Marks),
    /// Work at the store, before the response may be sent: [`RequestSession::commit_rest`].
    Commit,
}

/// How the last commit of a request ended.
pub(crate) struct Outcome {
    pub(crate) marks: Marks,
    pub(crate) result: Result<(), SessionError>,
}

/// Commits: by the handler, or when it has responded.
impl<T: SessionData> RequestSession<T> {
    /// The handler has responded.
    pub(crate) fn finish<B>(&self, response: &Response<B>) -> Finish {
        self.with_state(|state| {
            let State::Loaded(session) = state else {
                self.progress.send_response();
                let untouched = matches!(state, State::NotLoaded);
                return if untouched { Finish::Untouched } else { Finish::Done(Marks::default()) };
            };
            if session.has_pending() && self.is_incomplete(response) {
                session.discard_changes();
            }
            if session.is_being_committed() || session.has_lost_changes() {
                return Finish::Commit;
            }
            let (store_step, cookie_step) = self.plan_for(session);
            if store_step != StoreStep::Nothing {
                return Finish::Commit;
            }
            // Without effect, such as the renewal of a session that does not exist.
            session.discard_intents();
            self.progress.send_response();
            self.remove_cookie(session, cookie_step);
            Finish::Done(session.take_marks())
        })
    }

    /// Whether the handler has not returned. A panic that a middleware has turned into a response is detected by the session that the
    /// panic has dropped, and by the status: a panic in another task does not matter.
    fn is_incomplete<B>(&self, response: &Response<B>) -> bool {
        let panicked = self.progress.has_panicked() && response.status().is_server_error();
        panicked || response.extensions().get::<DiscardSession>().is_some()
    }

    /// Commits everything that is pending. A commit that has begun is finished even if this future is dropped.
    pub(crate) async fn commit(self: &Arc<Self>) -> Result<(), SessionError> {
        // The task would wait for the change, and the change for the task.
        self.forbid_inside_of_change();
        let batch = self.with_loaded(LoadedSession::commit_begins);
        let request_session = self.clone();
        let committed = self.shared.spawn(async move {
            let _turn = request_session.commit_lock.lock().await;
            let committed = request_session.commit_batch().await;
            // Another commit may have taken this batch.
            request_session.with_loaded(|session| {
                session.commit_ends();
                if request_session.progress.is_abandoned() {
                    session.forget_closures();
                }
                committed.and(session.result_of(batch))
            })
        });
        let committed = committed.await.unwrap_or_else(|_| {
            self.with_loaded(|session| {
                session.commit_ends();
                session.discard();
            });
            Err(SessionError::Aborted)
        });
        drop(self.keep_alive());
        committed
    }

    /// Commits everything that is pending when the handler has responded, before the response is sent.
    pub(crate) async fn commit_rest(self: Arc<Self>) -> Outcome {
        let _turn = self.commit_lock.lock().await;
        let result = self.commit_batch().await;
        let marks = self.with_loaded(|session| {
            self.progress.send_response();
            session.take_marks()
        });
        Outcome { marks, result }
    }

    async fn commit_batch(&self) -> Result<(), SessionError> {
        // Not during a change, which would be judged by the subjects of other changes.
        let commit = self.change(|| self.with_loaded(|session| self.begin_commit(session)))?;
        let Some(commit) = commit else { return Ok(()) };
        let outcome = commit.run().await;
        self.rebase(|session| session.conclude(outcome))
    }

    /// `None` if the store has nothing to do.
    fn begin_commit(&self, session: &mut LoadedSession<T>) -> Result<Option<Commit<T>>, SessionError> {
        if let Some(lost) = session.take_lost() {
            return Err(lost);
        }
        let (step, cookie_step) = self.plan_for(session);
        let can_set_cookie = self.progress.can_set_cookie();
        if step == StoreStep::Nothing || (step == StoreStep::Confirm && !can_set_cookie) {
            self.remove_cookie(session, cookie_step);
            return Ok(None);
        }
        if let StoreStep::Delete | StoreStep::DeleteThenCreate | StoreStep::CreateThenDelete = step {
            session.ends();
        }
        let rejected = self.rejection(session, step);
        let logs_in = session.logs_in();
        let (data, changes) = session.take_batch();
        if let Some(error) = rejected {
            session.give_up(data, changes);
            return session.conclude(CommitOutcome::failed(error)).map(|()| None);
        }
        Ok(Some(Commit {
            shared: self.shared.clone(),
            step,
            cookie_step,
            logs_in,
            can_set_cookie,
            cookie: session.cookie.clone(),
            ambiguous_cookies: session.ambiguous_cookies.clone(),
            origin: session.origin().cloned(),
            data,
            changes,
        }))
    }

    /// Why this step cannot be taken.
    fn rejection(&self, session: &LoadedSession<T>, step: StoreStep) -> Option<SessionError> {
        let sets_cookie = matches!(
            step,
            StoreStep::Create | StoreStep::CreateThenDelete | StoreStep::Renew | StoreStep::DeleteThenCreate
        );
        let impossible = if sets_cookie {
            let too_late = (!self.progress.can_set_cookie()).then_some(SessionError::ResponseAlreadySent);
            session.outage().cloned().or(too_late)
        } else {
            None
        };
        impossible.or_else(|| match step {
            StoreStep::RejectEnded => Some(SessionError::Gone),
            StoreStep::RejectMoved => Some(SessionError::Moved),
            StoreStep::Save | StoreStep::Renew => session.unusable().cloned(),
            _ => None,
        })
    }

    /// The cookie step where the store has nothing to do.
    fn remove_cookie(&self, session: &mut LoadedSession<T>, step: CookieStep) {
        if step == CookieStep::Remove {
            session.ends();
            session.set_cookie(self.shared.cookie().removal());
        }
    }

    fn plan_for(&self, session: &LoadedSession<T>) -> (StoreStep, CookieStep) {
        let is_destroyed = session.is_destroyed();
        let key_age = session.cookie.as_ref().map(|cookie| cookie.key_age);
        let is_ambiguous = is_destroyed && !session.ambiguous_cookies.is_empty();
        let cookie = key_age.or(is_ambiguous.then_some(KeyAge::Current));
        // There is nothing to delete, but after a logout the browser should have no cookie.
        let is_invalid = is_destroyed && matches!(self.presented, Presented::Invalid(_));
        let may_be_live = is_destroyed && cookie.is_some();
        plan(Facts {
            cookie: cookie.or(is_invalid.then_some(KeyAge::Current)),
            session: if may_be_live { SessionState::Live } else { session.state() },
            intent: session.intent(),
        })
    }
}
