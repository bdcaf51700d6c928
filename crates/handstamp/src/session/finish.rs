use std::sync::Arc;

use handstamp_core::cookie::Presented;
use handstamp_core::keys::KeyAge;
use handstamp_core::plan::{CookieStep, Facts, SessionState, StoreStep, plan};
use http::{HeaderValue, Response};

use super::RequestSession;
use super::commit::{Commit, Committed};
use super::open::Open;
use super::request_session::State;
use crate::layer::respond::Marks;
use crate::{DiscardSession, SessionData, SessionError};

/// What remains to be done when the handler has responded.
pub(crate) enum Finish {
    /// Nobody looked at the session.
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

/// How what a request wants of its session is carried out: on its way, or when the handler has responded.
impl<T: SessionData> RequestSession<T> {
    /// The handler has responded: what is to be done?
    pub(crate) fn finish<B>(&self, response: &Response<B>) -> Finish {
        self.with_state(|state| {
            let State::Open(open) = state else {
                self.progress.leave();
                let untouched = matches!(state, State::Unopened);
                return if untouched { Finish::Untouched } else { Finish::Done(Marks::default()) };
            };
            if open.has_work() && self.gave_up(response) {
                open.discard_changes();
            }
            if open.committing > 0 || open.has_lost_changes() {
                return Finish::Commit;
            }
            let (store_step, cookie_step) = self.plan_for(open);
            if store_step != StoreStep::Nothing {
                return Finish::Commit;
            }
            // Without effect, such as renewing a session that does not exist.
            open.take_back_intents();
            self.progress.leave();
            open.to_send = self.without_store(open, cookie_step);
            Finish::Done(open.take_marks())
        })
    }

    /// Whether the handler has not come to its end. A panic that a layer has made a response of is known by the handle of the
    /// session that it dropped, and by the status: one in another task does not matter.
    fn gave_up<B>(&self, response: &Response<B>) -> bool {
        let panicked = self.progress.has_panicked() && response.status().is_server_error();
        panicked || response.extensions().get::<DiscardSession>().is_some()
    }

    /// Carries out what the handler has asked for so far. Once begun, it is finished even if nobody waits.
    pub(crate) async fn commit(self: &Arc<Self>) -> Result<(), SessionError> {
        // The task would wait for the change, and the change for the task.
        self.refuse_inside_of_change();
        let batch = self.with_open(|open| {
            open.committing += 1;
            open.batch
        });
        let exchange = self.clone();
        let committed = self.shared.spawn(async move {
            let _turn = exchange.turn.lock().await;
            let committed = exchange.carry_out().await;
            // Another commit may have taken along what this one is for.
            exchange.with_open(|open| {
                open.committing -= 1;
                if exchange.progress.is_abandoned() {
                    open.forget_closures();
                }
                committed.and(open.result_of(batch))
            })
        });
        let committed = committed.await.unwrap_or_else(|_| {
            self.with_open(|open| {
                open.committing -= 1;
                open.discard();
            });
            Err(SessionError::Aborted)
        });
        drop(self.keep_alive());
        committed
    }

    /// The same for what is left when the handler has responded, before the response is sent.
    pub(crate) async fn commit_rest(self: Arc<Self>) -> Outcome {
        let _turn = self.turn.lock().await;
        let result = self.carry_out().await;
        let marks = self.with_open(|open| {
            self.progress.leave();
            open.take_marks()
        });
        Outcome { marks, result }
    }

    async fn carry_out(&self) -> Result<(), SessionError> {
        let Some(commit) = self.take_commit()? else { return Ok(()) };
        let committed = commit.run().await;
        self.rebase(|open| open.conclude(committed))
    }

    /// What there is to be done.
    fn take_commit(&self) -> Result<Option<Commit<T>>, SessionError> {
        // Not in the middle of a change, which would be judged by the subjects of changes that are not its own.
        self.change(|| self.with_open(|open| self.commit_of(open)))
    }

    fn commit_of(&self, open: &mut Open<T>) -> Result<Option<Commit<T>>, SessionError> {
        if let Some(lost) = open.take_lost() {
            return Err(lost);
        }
        let (step, cookie_step) = self.plan_for(open);
        let is_useless = step == StoreStep::Confirm && self.progress.is_too_late();
        if step == StoreStep::Nothing || is_useless {
            open.to_send = self.without_store(open, cookie_step);
            return Ok(None);
        }
        let refusal = match step {
            StoreStep::RefuseEnded => Some(SessionError::Gone),
            StoreStep::RefuseMoved => Some(SessionError::Moved),
            StoreStep::Save | StoreStep::Renew => open.unusable(),
            _ => None,
        };
        let makes_a_session = matches!(
            step,
            StoreStep::Create | StoreStep::CreateThenDelete | StoreStep::Renew | StoreStep::DeleteThenCreate
        );
        if let StoreStep::Delete | StoreStep::DeleteThenCreate | StoreStep::CreateThenDelete = step {
            open.ended = true;
        }
        let too_late = self.progress.is_too_late();
        let impossible = open.outage.clone().or(too_late.then_some(SessionError::ResponseAlreadySent));
        let logs_in = open.logs_in();
        let (data, changes) = open.take_changes();
        if let Some(error) = impossible.filter(|_| makes_a_session).or(refusal) {
            open.give_up(data, changes);
            let nothing = Committed { cookie: None, done: None, result: Err(error) };
            return open.conclude(nothing).map(|()| None);
        }
        Ok(Some(Commit {
            shared: self.shared.clone(),
            step,
            cookie_step,
            logs_in,
            too_late,
            cookies: open.cookie.iter().chain(&open.others).cloned().collect(),
            origin: open.origin.clone(),
            data,
            changes,
        }))
    }

    /// The cookie that the response is to carry where the store has nothing to do.
    fn without_store(&self, open: &mut Open<T>, step: CookieStep) -> Option<HeaderValue> {
        let to_send = open.to_send.take();
        match step {
            CookieStep::Remove => {
                open.ended = true;
                Some(self.shared.cookie().removal())
            }
            CookieStep::Set | CookieStep::Nothing => to_send,
        }
    }

    fn plan_for(&self, open: &Open<T>) -> (StoreStep, CookieStep) {
        let key_age = open.cookie.as_ref().map(|cookie| cookie.key_age);
        let cookie =
            key_age.or_else(|| open.others.first().map(|_| KeyAge::Current).filter(|_| open.destroy));
        // There is nothing to delete, but after a logout the browser should have no cookie.
        let refused = open.destroy && matches!(self.presented, Presented::Invalid(_));
        let may_be_live = open.destroy && cookie.is_some();
        plan(Facts {
            cookie: cookie.or(refused.then_some(KeyAge::Current)),
            session: if may_be_live { SessionState::Live } else { open.session_state() },
            intent: open.intent(),
        })
    }
}
