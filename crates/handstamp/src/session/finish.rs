use std::sync::Arc;

use handstamp_core::keys::KeyAge;
use handstamp_core::plan::{self, CookieStep, StoreStep, plan};
use http::HeaderValue;

use super::Exchange;
use super::commit::{Commit, Committed};
use super::exchange::State;
use super::open::Open;
use crate::layer::respond::Marks;
use crate::{SessionData, SessionError};

/// What remains to be done when the handler has answered.
pub(crate) enum Finish {
    /// Nobody looked at the session.
    Untouched,
    /// Nothing that the answer has to wait for.
    Done(Marks),
    /// Work at the store, before the answer may leave: [`Exchange::commit_rest`].
    Commit,
}

/// How the last commit of a request ended.
pub(crate) struct Outcome {
    pub(crate) marks: Marks,
    pub(crate) result: Result<(), SessionError>,
}

/// How what a request wants of its session is carried out: on its way, or when the handler has answered.
impl<T: SessionData> Exchange<T> {
    /// The handler has answered: what is to be done?
    pub(crate) fn finish(&self) -> Finish {
        let mut state = self.state.lock();
        let State::Open(open) = &mut *state else {
            let untouched = matches!(*state, State::Unopened);
            return if untouched { Finish::Untouched } else { Finish::Done(Marks::default()) };
        };
        if open.committing > 0 {
            return Finish::Commit;
        }
        let (store_step, cookie_step) = self.plan(open);
        match store_step {
            StoreStep::Nothing | StoreStep::Touch => {
                open.leave();
                open.to_send = self.without_store(open, store_step, cookie_step);
                Finish::Done(open.take_marks())
            }
            _ => Finish::Commit,
        }
    }

    /// Carries out what the handler has asked for so far. Once begun, it is finished even if nobody waits.
    pub(crate) async fn commit(self: &Arc<Self>) -> Result<(), SessionError> {
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
                committed.and(open.result_of(batch))
            })
        });
        committed.await.unwrap_or_else(|_| {
            self.with_open(|open| {
                open.committing -= 1;
                open.discard();
            });
            Err(SessionError::Aborted)
        })
    }

    /// The same for what is left when the handler has answered, before the answer leaves.
    pub(crate) async fn commit_rest(self: Arc<Self>) -> Outcome {
        let _turn = self.turn.lock().await;
        let result = self.carry_out().await;
        let marks = self.with_open(|open| {
            open.left = true;
            open.take_marks()
        });
        Outcome { marks, result }
    }

    async fn carry_out(&self) -> Result<(), SessionError> {
        let Some(commit) = self.take_commit()? else { return Ok(()) };
        let committed = commit.run().await;
        self.with_open(|open| open.conclude(committed))
    }

    /// What there is to be done.
    fn take_commit(&self) -> Result<Option<Commit<T>>, SessionError> {
        self.with_open(|open| {
            let (step, cookie_step) = self.plan(open);
            if let StoreStep::Nothing | StoreStep::Touch = step {
                open.to_send = self.without_store(open, step, cookie_step);
                return Ok(None);
            }
            let makes_a_session =
                matches!(step, StoreStep::Create | StoreStep::Renew | StoreStep::DeleteThenCreate);
            if let StoreStep::Delete | StoreStep::DeleteThenCreate = step {
                open.ended = true;
            }
            let impossible = open.outage.clone().or(open.left.then_some(SessionError::TooLate));
            let (data, changes) = open.take_changes();
            if let Some(error) = impossible.filter(|_| makes_a_session) {
                let nothing = Committed { cookie: None, done: None, result: Err(error) };
                return open.conclude(nothing).map(|()| None);
            }
            Ok(Some(Commit {
                shared: self.shared.clone(),
                step,
                cookie_step,
                cookies: open.cookie.iter().chain(&open.others).cloned().collect(),
                origin: open.origin.clone(),
                data,
                changes,
            }))
        })
    }

    fn plan(&self, open: &Open<T>) -> (StoreStep, CookieStep) {
        let intent = open.intent();
        let touch_due = open.origin.as_ref().is_some_and(|origin| {
            intent == plan::Intent::Keep && origin.claim_touch(open.since, self.shared.timeouts())
        });
        let key_age = open.cookie.as_ref().map(|cookie| cookie.key_age);
        let cookie =
            key_age.or_else(|| open.others.first().map(|_| KeyAge::Current).filter(|_| open.destroy));
        plan(plan::Exchange {
            cookie,
            found: open.origin.is_some() || (open.destroy && cookie.is_some()),
            intent,
            touch_due,
        })
    }

    /// Takes steps that nobody has to wait for. Returns the cookie that the answer is to carry.
    fn without_store(
        &self,
        open: &mut Open<T>,
        store_step: StoreStep,
        cookie_step: CookieStep,
    ) -> Option<HeaderValue> {
        if let (StoreStep::Touch, Some(origin)) = (store_step, &open.origin) {
            self.shared.spawn_touch(origin.clone());
        }
        let to_send = open.to_send.take();
        match (cookie_step, &open.cookie, &open.origin) {
            (CookieStep::Remove, ..) => {
                open.ended = true;
                Some(self.shared.cookie().removal())
            }
            (CookieStep::Set, Some(cookie), Some(origin)) => Some(
                self.shared
                    .cookie()
                    .set(&cookie.id, origin.time_left(self.shared.store().clock().timestamp())),
            ),
            (CookieStep::Set | CookieStep::Nothing, ..) => to_send,
        }
    }
}
