use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cookie::{Opened, Presented};
use handstamp_core::id::SessionKey;
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use super::open::Open;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// What one request has to do with its session, from the cookie to the plan.
pub(crate) struct Exchange<T: SessionData> {
    pub(super) shared: Arc<Shared<T>>,
    presented: Presented,
    pub(super) state: Mutex<State<T>>,
    /// Commits of one request are carried out one after the other.
    pub(super) turn: tokio::sync::Mutex<()>,
}

pub(super) enum State<T> {
    /// Nobody has asked for the session.
    Unopened,
    /// Somebody has, and the store had no answer. It is not asked again in this request.
    Failed(SessionError),
    Open(Open<T>),
}

impl<T: SessionData> Exchange<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>, presented: Presented) -> Self {
        Self { shared, presented, state: Mutex::new(State::Unopened), turn: tokio::sync::Mutex::default() }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
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

    pub(super) fn opened(&self, origin: Option<Arc<Snapshot<T>>>, since: Instant) -> Open<T> {
        match &self.presented {
            Presented::Valid(cookie) => Open::new(Some(cookie.clone()), Vec::new(), origin, since),
            Presented::Ambiguous(cookies) => Open::new(None, cookies.clone(), None, since),
            Presented::Nothing | Presented::Refused(_) => Open::new(None, Vec::new(), None, since),
        }
    }

    pub(super) fn with_open<R>(&self, act: impl FnOnce(&mut Open<T>) -> R) -> R {
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
    pub(super) fn presented_key(&self) -> Option<SessionKey> {
        match &self.presented {
            Presented::Valid(cookie) => Some(self.key_of(cookie)),
            Presented::Ambiguous(_) | Presented::Nothing | Presented::Refused(_) => None,
        }
    }

    pub(super) fn key_of(&self, cookie: &Opened) -> SessionKey {
        self.shared.namespace().session_key(&cookie.id)
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
