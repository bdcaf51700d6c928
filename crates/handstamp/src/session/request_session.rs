use std::fmt;
use std::sync::Arc;

use handstamp_core::cookie::{Presented, VerifiedCookie};
use handstamp_core::id::SessionKey;
use handstamp_core::time::Timestamp;
use handstamp_store::Lookup;
use parking_lot::Mutex;

use super::change::{Change, make_all};
use super::change_lock::{ChangeGuard, ChangeLock};
use super::guard::guarded;
use super::open::Open;
use super::progress::Progress;
use super::snapshot::Snapshot;
use super::subject::Subjects;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// What one request has to do with its session, from the cookie to the plan.
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
    change_lock: ChangeLock,
    pub(super) progress: Progress,
    /// Commits of one request are carried out one after the other.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it stays where it is, and a box would be an allocation for each request"
)]
pub(super) enum State<T> {
    /// Nobody has asked for the session.
    Unopened,
    /// Somebody has, and the store did not reply. It is not asked again in this request.
    Failed(SessionError),
    Open(Open<T>),
}

impl<T: SessionData> RequestSession<T> {
    pub(crate) fn new(
        shared: Arc<Shared<T>>,
        presented: Presented,
        passive: bool,
        outer: Option<Arc<Self>>,
    ) -> Self {
        let (state, change_lock) = (Mutex::new(State::Unopened), ChangeLock::default());
        let (progress, turn) = (Progress::default(), tokio::sync::Mutex::default());
        Self { shared, presented, passive, outer, state, change_lock, progress, turn }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    pub(crate) fn outer(&self) -> Option<&Arc<Self>> {
        self.outer.as_ref()
    }

    /// Ends the session that the cookie names, without loading it first.
    pub(crate) fn end(&self) -> Result<(), SessionError> {
        if self.presented == Presented::Truncated {
            return Err(SessionError::TooManyCookies);
        }
        self.destroy();
        Ok(())
    }

    pub(crate) fn data(&self) -> Arc<T> {
        self.with_open(|open| open.data.clone())
    }

    pub(crate) fn origin<R>(&self, read: impl FnOnce(&Snapshot<T>) -> R) -> Option<R> {
        self.with_open(|open| open.origin.as_deref().map(read))
    }

    pub(crate) fn last_seen(&self) -> Option<Timestamp> {
        let now = self.shared.store().timestamp();
        self.origin(|snapshot| snapshot.last_seen(now, self.shared.timeouts()))
    }

    /// Makes a change, on a copy: if it panics, the data is as it was.
    ///
    /// The data of one subject is not for another: if the change puts another in its place, it is made on the default value instead, in
    /// a session of its own. That holds also for the subject of an earlier change that has not been committed yet.
    pub(crate) fn update<R>(&self, change: impl Fn(&mut T) -> R + Send + 'static) -> R {
        self.change(|| {
            let (before, subjects) = self.with_open(|open| (open.data.clone(), open.subjects.clone()));
            let mut subjects = subjects.unwrap_or_else(|| Subjects::before(&*before));
            let mut data = T::clone(&before);
            let mut returned = change(&mut data);
            let switches = subjects.follow(&data);
            if switches {
                data = T::default();
                subjects = Subjects::before(&data);
                returned = change(&mut data);
                subjects.follow(&data);
            }
            self.with_open(|open| {
                if switches {
                    open.switch();
                }
                open.changed(data, Change::new(move |data| _ = change(data)), subjects);
            });
            returned
        })
    }

    pub(crate) fn renew(&self) {
        self.change(|| self.with_open(|open| open.renew = true));
    }

    pub(crate) fn renew_for_login(&self) {
        self.change(|| self.with_open(|open| (open.renew, open.restart) = (true, true)));
    }

    pub(crate) fn destroy(&self) {
        self.change(|| self.with_open(Open::destroy));
    }

    pub(crate) fn discard(&self) {
        self.change(|| self.with_open(Open::discard));
    }

    /// Lets go of the closures of the changes, if the request was given up before it had a response: a closure may hold a
    /// handle of the session, and with it this exchange, which holds the closure.
    ///
    /// The data stays as it is, since a task may have a handle, too, and commit. If the session was changed elsewhere in the
    /// meantime, that commit fails, because the changes cannot be made again. After a panic it always fails: the changes may be
    /// incomplete.
    pub(crate) fn abandon(&self) {
        self.note_panic();
        self.with_state(|state| {
            if self.progress.abandon()
                && let State::Open(open) = state
            {
                if self.progress.has_panicked() {
                    open.lose_changes(SessionError::Aborted);
                }
                open.forget_closures();
            }
        });
    }

    /// To be called where a panic of the handler would be passing by.
    pub(crate) fn note_panic(&self) {
        if std::thread::panicking() {
            self.progress.note_panic();
        }
    }

    pub(super) fn with_open<R>(&self, act: impl FnOnce(&mut Open<T>) -> R) -> R {
        self.with_state(|state| {
            if let State::Open(open) = state {
                return act(open);
            }
            // Before its exchange is open there is no `Session`, and only a logout, which loads nothing, comes here.
            let mut open = self.opened(Lookup::Absent);
            let returned = act(&mut open);
            *state = State::Open(open);
            returned
        })
    }

    /// What `act` leaves behind is dropped when nothing is locked any more: a `Drop` of the application may use the session.
    pub(super) fn with_state<R>(&self, act: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock();
        let returned = act(&mut state);
        let leftovers = match &mut *state {
            // Not inside of a change, where it may read the session only.
            State::Open(open) if !open.leftovers.is_empty() && !self.change_lock.is_held_by_this_thread() => {
                std::mem::take(&mut open.leftovers)
            }
            State::Unopened | State::Failed(_) | State::Open(_) => Vec::new(),
        };
        drop(state);
        drop(leftovers);
        returned
    }

    /// Panics inside of a change.
    pub(super) fn refuse_inside_of_change(&self) {
        self.change_lock.refuse_inside_of_change();
    }

    /// Makes a change while no other thread makes one.
    pub(super) fn change<R>(&self, make: impl FnOnce() -> R) -> R {
        let _in_progress = InProgress { exchange: self, guard: Some(self.change_lock.acquire()) };
        make()
    }

    /// Changes what the data is made from, and makes again on that what has not been committed.
    pub(super) fn rebase<R>(&self, change: impl FnOnce(&mut Open<T>) -> R) -> R {
        self.change(|| {
            let (returned, base, (changes, subjects)) = self.with_open(|open| {
                let returned = change(open);
                (returned, open.base(), open.take_pending())
            });
            let data = match subjects {
                None => Ok((base, None)),
                Some(seen) => {
                    remade(&*base, &changes, &seen).map(|(data, subjects)| (Arc::new(data), Some(subjects)))
                }
            };
            self.with_open(|open| match data {
                Ok((data, subjects)) => open.rebased(data, changes, subjects),
                // The changes are lost, and the request must not succeed as if they were not.
                Err(error) => open.lose(error, changes),
            });
            returned
        })
    }

    /// `found` is what there is under the id in the cookie.
    pub(super) fn opened(&self, found: Lookup<Arc<Snapshot<T>>>) -> Open<T> {
        match &self.presented {
            Presented::Valid(cookie) => Open::new(Some(cookie.clone()), Vec::new(), found),
            Presented::Ambiguous(cookies) => Open::new(None, cookies.clone(), found),
            Presented::Truncated | Presented::Nothing | Presented::Invalid(_) => {
                Open::new(None, Vec::new(), Lookup::Absent)
            }
        }
    }

    pub(super) fn key_of(&self, cookie: &VerifiedCookie) -> SessionKey {
        self.shared.namespace().session_key(&cookie.id)
    }
}

/// The data after all changes, which were made first where there were the `seen` subjects.
///
/// # Errors
///
/// When one of them panics, those of [`make_all`], and when they were made for another subject than that of `base`.
fn remade<T: SessionData>(
    base: &T,
    changes: &[Change<T>],
    seen: &Subjects,
) -> Result<(T, Subjects), SessionError> {
    guarded(|| {
        if !seen.began_with_that_of(base) {
            return Err(SessionError::Gone);
        }
        let mut data = base.clone();
        let subjects = make_all(changes, &mut data)?;
        Ok((data, subjects))
    })?
}

/// A change that is being made. What it leaves behind is dropped at its end, also when it panics.
struct InProgress<'e, T: SessionData> {
    exchange: &'e RequestSession<T>,
    guard: Option<ChangeGuard<'e>>,
}

impl<T: SessionData> Drop for InProgress<'_, T> {
    fn drop(&mut self) {
        self.guard = None;
        self.exchange.with_state(|_| ());
    }
}

/// Changes that were made after the response was sent, and that no commit has saved, are lost.
impl<T: SessionData> Drop for RequestSession<T> {
    fn drop(&mut self) {
        if let State::Open(open) = self.state.get_mut()
            && self.progress.has_left()
            && open.has_work()
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
