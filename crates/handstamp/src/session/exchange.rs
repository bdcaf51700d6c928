use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cookie::{Opened, Presented};
use handstamp_core::id::SessionKey;
use handstamp_core::keys::KeyAge;
use handstamp_core::plan::{self, CookieStep, StoreStep, plan};
use handstamp_core::time::Timestamp;
use handstamp_store::Lookup;
use http::HeaderValue;
use parking_lot::Mutex;

use super::commit::{Commit, Committed};
use super::open::Open;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{Outage, SessionData, SessionError};

/// What one request has to do with its session, from the cookie to the plan.
pub(crate) struct Exchange<T: SessionData> {
    shared: Arc<Shared<T>>,
    presented: Presented,
    state: Mutex<State<T>>,
    /// Commits of one request are carried out one after the other.
    turn: tokio::sync::Mutex<()>,
}

enum State<T> {
    /// Nobody has asked for the session.
    Unopened,
    /// Somebody has, and the store had no answer. It is not asked again in this request.
    Failed(SessionError),
    Open(Open<T>),
}

/// What remains to be done when the handler has answered.
pub(crate) enum Finish {
    /// Nobody looked at the session.
    Untouched,
    /// Nothing that the answer has to wait for.
    Done {
        /// The cookie to send.
        cookie: Option<HeaderValue>,
    },
    /// Work at the store, before the answer may leave: [`Exchange::commit_rest`].
    Commit,
}

/// How the last commit of a request ended.
pub(crate) struct Outcome {
    /// The cookie to send.
    pub(crate) cookie: Option<HeaderValue>,
    pub(crate) result: Result<(), SessionError>,
}

impl<T: SessionData> Exchange<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>, presented: Presented) -> Self {
        Self { shared, presented, state: Mutex::new(State::Unopened), turn: tokio::sync::Mutex::default() }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    /// Finds the session, unless that has been done.
    pub(crate) async fn open(&self) -> Result<(), SessionError> {
        match self.open_without_store() {
            Some(opened) => opened,
            // Boxed, or every handler's future would be as large as a conversation with the store.
            None => Box::pin(self.open_from_store()).await,
        }
    }

    /// `None` when only the store can tell.
    fn open_without_store(&self) -> Option<Result<(), SessionError>> {
        let mut state = self.state.lock();
        match &*state {
            State::Unopened => {}
            State::Failed(error) => return Some(Err(error.clone())),
            State::Open(_) => return Some(Ok(())),
        }
        let store = self.shared.store();
        let now = store.clock().now();
        let origin = match self.presented_key() {
            Some(key) => store.lookup(&key, now)?.into(),
            None => None,
        };
        *state = State::Open(self.opened(origin, now));
        Some(Ok(()))
    }

    #[cold]
    async fn open_from_store(&self) -> Result<(), SessionError> {
        let now = self.shared.store().clock().now();
        let loaded = self.load_or_make_do().await;
        let mut state = self.state.lock();
        // Two tasks may have loaded at the same time: the first one's session is the one that is in use.
        if let State::Unopened = *state {
            *state = match loaded {
                Ok(Found::Known(lookup)) => State::Open(self.opened(lookup.into(), now)),
                Ok(Found::Unknown(outage)) => {
                    let mut open = self.opened(None, now);
                    open.outage = Some(outage);
                    State::Open(open)
                }
                Err(error) => State::Failed(error),
            };
        }
        match &*state {
            State::Failed(error) => Err(error.clone()),
            State::Open(_) | State::Unopened => Ok(()),
        }
    }

    /// Reads the session from the store, whatever was known of it, and makes this request's changes again on what is
    /// found.
    pub(crate) async fn refresh(&self) -> Result<(), SessionError> {
        let _turn = self.turn.lock().await;
        let key = match &*self.state.lock() {
            State::Open(open) => open.cookie.as_ref().map(|cookie| self.key_of(cookie)),
            State::Unopened | State::Failed(_) => self.presented_key(),
        };
        let now = self.shared.store().clock().now();
        let found = match key {
            Some(key) => readable(self.shared.load_fresh(&key).await, &key)?,
            None => Lookup::Absent,
        };
        let mut state = self.state.lock();
        match &mut *state {
            State::Open(open) => match found {
                Lookup::Found(fresh) => open.refresh(fresh),
                Lookup::Absent if open.origin.is_some() => open.vanish(self.shared.cookie().removal()),
                Lookup::Absent => open.outage = None,
            },
            State::Unopened | State::Failed(_) => *state = State::Open(self.opened(found.into(), now)),
        }
        Ok(())
    }

    /// Ends the session that the cookie names, without loading it first.
    pub(crate) fn end(&self) {
        self.with_open(Open::destroy);
    }

    pub(crate) fn data(&self) -> Arc<T> {
        self.with_open(|open| open.data.clone())
    }

    pub(crate) fn origin<R>(&self, read: impl FnOnce(&Snapshot<T>) -> R) -> Option<R> {
        self.with_open(|open| open.origin.as_deref().map(read))
    }

    pub(crate) fn last_seen(&self) -> Option<Timestamp> {
        let now = self.shared.store().clock().timestamp();
        self.origin(|snapshot| snapshot.last_seen(now, self.shared.timeouts()))
    }

    pub(crate) fn update<R>(&self, change: impl Fn(&mut T) -> R + Send + 'static) -> R {
        self.with_open(|open| open.update(change))
    }

    pub(crate) fn renew(&self) {
        self.with_open(|open| open.renew = true);
    }

    pub(crate) fn destroy(&self) {
        self.with_open(Open::destroy);
    }

    pub(crate) fn discard(&self) {
        self.with_open(Open::discard);
    }

    /// The handler has answered: what is to be done?
    pub(crate) fn finish(&self) -> Finish {
        let mut state = self.state.lock();
        let State::Open(open) = &mut *state else {
            let untouched = matches!(*state, State::Unopened);
            return if untouched { Finish::Untouched } else { Finish::Done { cookie: None } };
        };
        if open.committing > 0 {
            return Finish::Commit;
        }
        let (store_step, cookie_step) = self.plan(open);
        match store_step {
            StoreStep::Nothing | StoreStep::Touch => {
                // Such as renewing a session that does not exist.
                let _ = open.take_changes();
                open.left = true;
                Finish::Done { cookie: self.cookie_header(open, cookie_step) }
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
        let cookie = self.with_open(|open| {
            open.left = true;
            open.to_send.take()
        });
        Outcome { cookie, result }
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
                open.to_send = self.cookie_header(open, cookie_step);
                return Ok(None);
            }
            let makes_a_session =
                matches!(step, StoreStep::Create | StoreStep::Renew | StoreStep::DeleteThenCreate);
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
        let touch = open.origin.as_ref().filter(|origin| {
            intent == plan::Intent::Keep && origin.claim_touch(open.since, self.shared.timeouts())
        });
        let key_age = open.cookie.as_ref().map(|cookie| cookie.key_age);
        let cookie =
            key_age.or_else(|| open.others.first().map(|_| KeyAge::Current).filter(|_| open.destroy));
        let steps = plan(plan::Exchange {
            cookie,
            found: open.origin.is_some() || (open.destroy && cookie.is_some()),
            intent,
            touch_due: touch.is_some(),
        });
        if let (StoreStep::Touch, Some(origin)) = (steps.0, touch) {
            self.shared.spawn_touch(origin.clone());
        }
        steps
    }

    /// The `Set-Cookie` header that the answer is to carry after a step that needs no new id.
    fn cookie_header(&self, open: &mut Open<T>, step: CookieStep) -> Option<HeaderValue> {
        let to_send = open.to_send.take();
        match (step, &open.cookie) {
            (CookieStep::Remove, _) => Some(self.shared.cookie().removal()),
            // What an earlier commit wants sent is newer than what came with the request.
            (CookieStep::Set, Some(cookie)) => to_send.or_else(|| Some(self.shared.cookie().set(&cookie.id))),
            (CookieStep::Set | CookieStep::Nothing, _) => to_send,
        }
    }

    fn opened(&self, origin: Option<Arc<Snapshot<T>>>, since: Instant) -> Open<T> {
        match &self.presented {
            Presented::Valid(cookie) => Open::new(Some(cookie.clone()), Vec::new(), origin, since),
            Presented::Ambiguous(cookies) => Open::new(None, cookies.clone(), None, since),
            Presented::Nothing | Presented::Refused(_) => Open::new(None, Vec::new(), None, since),
        }
    }

    fn with_open<R>(&self, act: impl FnOnce(&mut Open<T>) -> R) -> R {
        let mut state = self.state.lock();
        if let State::Open(open) = &mut *state {
            return act(open);
        }
        // Before its exchange is open there is no `Session`, and only a logout, which loads nothing, comes here.
        let mut open = self.opened(None, self.shared.store().clock().now());
        let returned = act(&mut open);
        *state = State::Open(open);
        returned
    }

    /// Where the record of the session lies that came with the request.
    fn presented_key(&self) -> Option<SessionKey> {
        match &self.presented {
            Presented::Valid(cookie) => Some(self.key_of(cookie)),
            Presented::Ambiguous(_) | Presented::Nothing | Presented::Refused(_) => None,
        }
    }

    fn key_of(&self, cookie: &Opened) -> SessionKey {
        self.shared.namespace().session_key(&cookie.id)
    }

    /// What the store knows, or what the policy for outages says.
    async fn load_or_make_do(&self) -> Result<Found<T>, SessionError> {
        let Some(key) = self.presented_key() else { return Ok(Found::Known(Lookup::Absent)) };
        let shared = &self.shared;
        // While the store is known to be away, asking it first would only take time.
        if !shared.store().healthy()
            && let Some(outdated) = shared.lookup_outdated(&key)
        {
            return Ok(Found::Known(outdated));
        }
        match readable(shared.load(&key).await, &key) {
            Err(error) if error.is_outage() => match (shared.outage(), shared.lookup_outdated(&key)) {
                (_, Some(outdated)) => Ok(Found::Known(outdated)),
                (Outage::Anonymous, None) => Ok(Found::Unknown(error)),
                (Outage::Serve(_) | Outage::Refuse, None) => Err(error),
            },
            loaded => loaded.map(Found::Known),
        }
    }
}

/// What a load found.
enum Found<T> {
    Known(Lookup<Arc<Snapshot<T>>>),
    /// Nobody knows, because of this outage, and the visitor is to be treated as one without a session.
    Unknown(SessionError),
}

/// What was found, if anybody can make sense of it.
fn readable<T>(
    loaded: Result<Lookup<Arc<Snapshot<T>>>, SessionError>,
    key: &SessionKey,
) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
    match loaded {
        // Nobody can make sense of it any more. The visitor is not locked out, and what is stored is left as it
        // is: a new session gets a new id. The cause may quote what is stored, so it is not shown.
        Err(error) if error.is_undecodable() => {
            tracing::error!(%error, %key, "the visitor is treated as new");
            Ok(Lookup::Absent)
        }
        loaded => loaded,
    }
}

/// Changes that were made after the answer had left, and for which nobody has asked a commit, are lost.
impl<T: SessionData> Drop for Exchange<T> {
    fn drop(&mut self) {
        if let State::Open(open) = self.state.get_mut()
            && open.left
            && open.has_work()
        {
            tracing::error!(
                "a session was changed after the answer had left, without a commit: the change is lost"
            );
        }
    }
}

impl<T: SessionData> fmt::Debug for Exchange<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
