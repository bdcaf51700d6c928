use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cookie::{Opened, Presented};
use handstamp_core::id::SessionKey;
use handstamp_core::plan::{self, CookieStep, Intent, StoreStep, plan};
use handstamp_core::time::Timestamp;
use handstamp_store::Lookup;
use http::HeaderValue;
use parking_lot::Mutex;

use super::commit::{Change, Commit};
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// What one request has to do with its session, from the cookie to the plan.
pub(crate) struct Exchange<T: SessionData> {
    shared: Arc<Shared<T>>,
    /// The valid cookie that came with the request.
    cookie: Option<Opened>,
    state: Mutex<State<T>>,
}

enum State<T> {
    /// Nobody has asked for the session.
    Unopened,
    /// Somebody has, and the store had no answer. It is not asked again in this request.
    Failed(Arc<SessionError>),
    Open(Open<T>),
}

/// A session in use.
struct Open<T> {
    /// The session that the cookie named, if there is one.
    origin: Option<Arc<Snapshot<T>>>,
    /// When that was found.
    since: Instant,
    data: Arc<T>,
    changes: Vec<Change<T>>,
    renew: bool,
    /// Whether the origin is to end, loaded or not.
    destroy: bool,
    /// Whether the answer is on its way, so that changes come too late.
    finished: bool,
}

/// What remains to be done when the handler has answered.
pub(crate) enum Finish<T: SessionData> {
    /// Nobody looked at the session.
    Untouched,
    /// Nothing that the answer has to wait for.
    Done {
        /// The cookie to send.
        cookie: Option<HeaderValue>,
    },
    /// Work at the store, before the answer may leave.
    Commit(Commit<T>),
}

impl<T: SessionData> Exchange<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>, presented: Presented) -> Self {
        let cookie = match presented {
            Presented::Valid(opened) => Some(opened),
            Presented::Ambiguous | Presented::Nothing | Presented::Refused(_) => None,
        };
        Self { shared, cookie, state: Mutex::new(State::Unopened) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    /// Finds the session, unless that has been done.
    pub(crate) async fn open(&self) -> Result<(), Arc<SessionError>> {
        match self.open_without_store() {
            Some(opened) => opened,
            // Boxed, or every handler's future would be as large as a conversation with the store.
            None => Box::pin(self.open_from_store()).await,
        }
    }

    /// `None` when only the store can tell.
    fn open_without_store(&self) -> Option<Result<(), Arc<SessionError>>> {
        let mut state = self.state.lock();
        match &*state {
            State::Unopened => {}
            State::Failed(error) => return Some(Err(error.clone())),
            State::Open(_) => return Some(Ok(())),
        }
        let store = self.shared.store();
        let now = store.clock().now();
        let origin = match self.key() {
            Some(key) => store.lookup(&key, now)?.into(),
            None => None,
        };
        *state = State::Open(Open::new(origin, now));
        Some(Ok(()))
    }

    #[cold]
    async fn open_from_store(&self) -> Result<(), Arc<SessionError>> {
        let now = self.shared.store().clock().now();
        let loaded = self.load().await;
        let mut state = self.state.lock();
        // Two tasks may have loaded at the same time: the first one's session is the one that is in use.
        if let State::Unopened = *state {
            *state = match loaded {
                Ok(lookup) => State::Open(Open::new(lookup.into(), now)),
                Err(error) => State::Failed(Arc::new(error)),
            };
        }
        match &*state {
            State::Failed(error) => Err(error.clone()),
            State::Open(_) | State::Unopened => Ok(()),
        }
    }

    /// Ends the session that the cookie names, without loading it first.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        match &mut *state {
            State::Open(open) => open.destroy(),
            State::Unopened | State::Failed(_) => {
                let mut open = self.nothing_open();
                open.destroy();
                *state = State::Open(open);
            }
        }
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
        self.with_open(|open| {
            let returned = change(Arc::make_mut(&mut open.data));
            if open.finished {
                tracing::warn!("a session was changed after the answer had left: the change is lost");
            } else {
                open.changes.push(Box::new(move |data| {
                    change(data);
                }));
            }
            returned
        })
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
    pub(crate) fn finish(self: &Arc<Self>) -> Finish<T> {
        let mut state = self.state.lock();
        let State::Open(open) = &mut *state else {
            let untouched = matches!(*state, State::Unopened);
            return if untouched { Finish::Untouched } else { Finish::Done { cookie: None } };
        };
        open.finished = true;
        let intent = open.intent();
        let touch = open.origin.as_ref().filter(|origin| {
            intent == Intent::Keep && origin.claim_touch(open.since, self.shared.timeouts())
        });
        let (store_step, cookie_step) = plan(plan::Exchange {
            cookie: self.cookie.as_ref().map(|cookie| cookie.key_age),
            found: open.origin.is_some() || (open.destroy && self.cookie.is_some()),
            intent,
            touch_due: touch.is_some(),
        });
        match store_step {
            StoreStep::Nothing => Finish::Done { cookie: self.cookie_header(cookie_step) },
            StoreStep::Touch => {
                if let Some(origin) = touch {
                    self.shared.spawn_touch(origin.clone());
                }
                Finish::Done { cookie: self.cookie_header(cookie_step) }
            }
            step => Finish::Commit(Commit {
                shared: self.shared.clone(),
                step,
                cookie_step,
                cookie: self.cookie.clone(),
                origin: open.origin.clone(),
                data: open.data.clone(),
                changes: std::mem::take(&mut open.changes),
            }),
        }
    }

    /// The `Set-Cookie` header of a step that needs no new id.
    fn cookie_header(&self, step: CookieStep) -> Option<HeaderValue> {
        let cookie = self.cookie.as_ref()?;
        match step {
            CookieStep::Nothing => None,
            CookieStep::Set => Some(self.shared.cookie().set(&cookie.id)),
            CookieStep::Remove => Some(self.shared.cookie().removal()),
        }
    }

    /// A session that is not there.
    fn nothing_open(&self) -> Open<T> {
        Open::new(None, self.shared.store().clock().now())
    }

    fn with_open<R>(&self, act: impl FnOnce(&mut Open<T>) -> R) -> R {
        let mut state = self.state.lock();
        if let State::Open(open) = &mut *state {
            return act(open);
        }
        // There is no `Session` before its exchange is open; were there one, it would be empty.
        let mut open = self.nothing_open();
        let returned = act(&mut open);
        *state = State::Open(open);
        returned
    }

    /// Where the record of the session lies that the cookie names.
    fn key(&self) -> Option<SessionKey> {
        self.cookie.as_ref().map(|cookie| self.shared.namespace().session_key(&cookie.id))
    }

    async fn load(&self) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        let Some(key) = self.key() else { return Ok(Lookup::Absent) };
        match self.shared.load(&key).await {
            // Nobody can make sense of it any more. The visitor is not locked out, and what is stored is left as it
            // is: a new session gets a new id.
            Err(error) if error.is_undecodable() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    %key,
                    "a session cannot be decoded: its visitor is treated as new",
                );
                Ok(Lookup::Absent)
            }
            loaded => loaded,
        }
    }
}

impl<T: SessionData> Open<T> {
    fn new(origin: Option<Arc<Snapshot<T>>>, since: Instant) -> Self {
        let data = origin.as_ref().map_or_else(Arc::default, |origin| origin.data.clone());
        Self { origin, since, data, changes: Vec::new(), renew: false, destroy: false, finished: false }
    }

    fn destroy(&mut self) {
        self.data = Arc::default();
        self.changes.clear();
        self.renew = false;
        self.destroy = true;
    }

    fn discard(&mut self) {
        *self = Self { finished: self.finished, ..Self::new(self.origin.take(), self.since) };
    }

    fn intent(&self) -> Intent {
        match (self.destroy, self.renew, self.changes.is_empty()) {
            (true, _, true) => Intent::Destroy,
            (true, _, false) => Intent::Replace,
            (false, true, unchanged) => Intent::Renew { change: !unchanged },
            (false, false, true) => Intent::Keep,
            (false, false, false) => Intent::Change,
        }
    }
}

impl<T: SessionData> fmt::Debug for Exchange<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
