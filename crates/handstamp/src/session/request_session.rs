use std::fmt;
use std::sync::Arc;

use handstamp_core::cookie::{Presented, VerifiedCookie};
use handstamp_core::id::SessionKey;
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use super::absence::Absence;
use super::change_lock::ChangeLock;
use super::loaded::{LoadedSession, Origin};
use super::progress::Progress;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// The session of one request, from the cookie to the plan.
pub(crate) struct RequestSession<T: SessionData> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) presented: Presented,
    /// Whether the request does not count as a use, such as a prefetch.
    pub(super) passive: bool,
    /// That of the next layer further out for sessions of this type, under another cookie.
    outer: Option<Arc<Self>>,
    /// Of the application's code, only `T::default` runs while this is locked: a change can read the session that it is made to,
    /// and sees it as it was before.
    state: Mutex<State<T>>,
    pub(super) change_lock: ChangeLock,
    pub(super) progress: Progress,
    /// Commits of one request are carried out one after the other.
    pub(super) commit_lock: tokio::sync::Mutex<()>,
}

pub(super) enum State<T> {
    /// The session was not extracted yet.
    NotLoaded,
    /// The store failed, and is not queried again in this request.
    Failed(SessionError),
    Loaded(LoadedSession<T>),
}

impl<T: SessionData> RequestSession<T> {
    pub(crate) fn new(
        shared: Arc<Shared<T>>,
        presented: Presented,
        passive: bool,
        outer: Option<Arc<Self>>,
    ) -> Self {
        let (state, change_lock) = (Mutex::new(State::NotLoaded), ChangeLock::default());
        let (progress, commit_lock) = (Progress::default(), tokio::sync::Mutex::default());
        Self { shared, presented, passive, outer, state, change_lock, progress, commit_lock }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    pub(crate) fn outer(&self) -> Option<&Arc<Self>> {
        self.outer.as_ref()
    }

    pub(crate) fn data(&self) -> Arc<T> {
        self.with_loaded(|session| session.data.clone())
    }

    pub(crate) fn origin<R>(&self, read: impl FnOnce(&Snapshot<T>) -> R) -> Option<R> {
        self.with_loaded(|session| session.origin().map(|origin| read(origin)))
    }

    pub(crate) fn last_seen(&self) -> Option<Timestamp> {
        let now = self.shared.store().timestamp();
        self.origin(|snapshot| snapshot.last_seen(now, self.shared.timeouts()))
    }

    /// Drops the closures of the changes, if the request was cancelled before it had a response: a closure may own a handle of the
    /// session, which owns the closure.
    ///
    /// The data stays as it is, since a task may have a handle, too, and commit. If the session was changed elsewhere in the
    /// meantime, that commit fails, because the changes cannot be made again. After a panic it always fails: the changes may be
    /// incomplete.
    pub(crate) fn abandon(&self) {
        self.note_panic();
        self.with_state(|state| {
            if self.progress.abandon()
                && let State::Loaded(session) = state
            {
                if self.progress.has_panicked() {
                    session.lose_changes(SessionError::Aborted);
                }
                session.forget_closures();
            }
        });
    }

    /// To be called where a panic of the handler or of a task would unwind. The panic of a replayed change is not one of them: it drops a
    /// handle of the session if the change has captured one.
    pub(crate) fn note_panic(&self) {
        if std::thread::panicking() && !self.shared.replays().is_on_this_thread() {
            self.progress.note_panic();
        }
    }

    /// Remembers that the application gets this error, if it is one.
    pub(super) fn noted<R>(&self, result: Result<R, SessionError>) -> Result<R, SessionError> {
        if result.is_err() {
            self.progress.note_failure();
        }
        result
    }

    /// Whether the application got an error from this session, so that an error that the handler returns may be this one.
    pub(crate) fn has_failed(&self) -> bool {
        self.progress.has_failed()
    }

    pub(super) fn with_loaded<R>(&self, act: impl FnOnce(&mut LoadedSession<T>) -> R) -> R {
        self.with_state(|state| {
            if let State::Loaded(session) = state {
                return act(session);
            }
            // A `Session` exists only when this is loaded: this is a logout, which loads nothing.
            let mut session = self.loaded(Origin::Missing(Absence::NoTrace));
            let returned = act(&mut session);
            *state = State::Loaded(session);
            returned
        })
    }

    /// The leftovers of `act` are dropped when nothing is locked any more: a `Drop` of the application may use the session.
    pub(super) fn with_state<R>(&self, act: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock();
        let returned = act(&mut state);
        let leftovers = match &mut *state {
            State::Loaded(session) => session.leftovers().filter(|leftovers| {
                // Not inside of a change, which may only read the session.
                !leftovers.is_empty() && !self.change_lock.is_held_by_this_thread()
            }),
            State::NotLoaded | State::Failed(_) => None,
        };
        let leftovers = leftovers.map(std::mem::take);
        drop(state);
        drop(leftovers);
        returned
    }

    /// The session with what there is under the id in the cookie.
    pub(super) fn loaded(&self, origin: Origin<T>) -> LoadedSession<T> {
        match &self.presented {
            Presented::Valid(cookie) => LoadedSession::new(Some(cookie.clone()), Vec::new(), origin),
            Presented::Ambiguous(cookies) => LoadedSession::new(None, cookies.clone(), origin),
            Presented::Truncated | Presented::Nothing | Presented::Invalid(_) => {
                LoadedSession::new(None, Vec::new(), Origin::Missing(Absence::NoTrace))
            }
        }
    }

    pub(super) fn key_of(&self, cookie: &VerifiedCookie) -> SessionKey {
        self.shared.namespace().session_key(&cookie.id)
    }
}

/// Changes that were made after the response was sent, and that no commit has saved, are lost.
impl<T: SessionData> Drop for RequestSession<T> {
    fn drop(&mut self) {
        if let State::Loaded(session) = self.state.get_mut()
            && self.progress.is_response_sent()
            && session.has_pending()
        {
            self.shared.report_lost_change();
        }
    }
}

impl<T: SessionData> fmt::Debug for RequestSession<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSession").finish_non_exhaustive()
    }
}
