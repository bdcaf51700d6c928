use std::sync::Arc;

use handstamp_core::cookie::Presented;

use super::RequestSession;
use super::change::{Change, make_all};
use super::change_lock::ChangeGuard;
use super::guard::guarded;
use super::loaded::{LoadedSession, Renew};
use super::replays::Replays;
use super::subject::Subjects;
use crate::{SessionData, SessionError};

/// What a handler does to its session: at once for this request, and in the store with the next commit.
impl<T: SessionData> RequestSession<T> {
    /// Makes a change, on a copy: if it panics, the data is as it was.
    ///
    /// The data of one subject is not for another: if the change replaces the subject, it is made on the default value instead, in
    /// a session of its own. That holds also for the subject of an earlier change that has not been committed yet.
    pub(crate) fn update<R>(&self, change: impl Fn(&mut T) -> R + Send + 'static) -> R {
        self.change(|| {
            let (before, subjects) =
                self.with_loaded(|session| (session.data.clone(), session.subjects().cloned()));
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
            let replayed = Change::new(move |data| _ = change(data));
            self.with_loaded(|session| {
                if switches {
                    session.switch_subject();
                }
                session.changed(data, replayed, subjects);
            });
            returned
        })
    }

    pub(crate) fn renew(&self) {
        self.change(|| self.with_loaded(|session| session.renew(Renew::Id)));
    }

    pub(crate) fn renew_for_login(&self) {
        self.change(|| self.with_loaded(|session| session.renew(Renew::IdAndLifetime)));
    }

    pub(crate) fn destroy(&self) {
        self.change(|| self.with_loaded(LoadedSession::destroy));
    }

    /// [`destroy`](Self::destroy) without loading the session first.
    pub(crate) fn end(&self) -> Result<(), SessionError> {
        if self.presented == Presented::Truncated {
            return Err(SessionError::TooManyCookies);
        }
        self.destroy();
        Ok(())
    }

    pub(crate) fn discard(&self) {
        self.change(|| self.with_loaded(LoadedSession::discard));
    }

    /// Panics inside of a change.
    pub(super) fn forbid_inside_of_change(&self) {
        self.change_lock.forbid_inside_of_change();
    }

    /// Makes a change while no other thread makes one.
    pub(super) fn change<R>(&self, make: impl FnOnce() -> R) -> R {
        let _in_progress = InProgress { request_session: self, guard: Some(self.change_lock.acquire()) };
        make()
    }

    /// Changes what the data is made from, and makes the pending changes again on that.
    pub(super) fn rebase<R>(&self, change: impl FnOnce(&mut LoadedSession<T>) -> R) -> R {
        self.change(|| {
            let (returned, base, (changes, subjects)) = self.with_loaded(|session| {
                let returned = change(session);
                (returned, session.base(), session.take_changes())
            });
            let data = match subjects {
                None => Ok((base, None)),
                Some(seen) => remade(self.shared.replays(), &*base, &changes, &seen)
                    .map(|(data, subjects)| (Arc::new(data), Some(subjects))),
            };
            self.with_loaded(|session| match data {
                Ok((data, subjects)) => session.rebased(data, changes, subjects),
                // The changes are lost, and the request must not succeed as if they were not.
                Err(error) => session.lose(error, changes),
            });
            returned
        })
    }
}

/// The data after all changes, which were made first where there were the `seen` subjects.
///
/// # Errors
///
/// When a change panics, when the changes were made for another subject than that of `base`, and the errors of [`make_all`].
fn remade<T: SessionData>(
    replays: &Replays,
    base: &T,
    changes: &[Change<T>],
    seen: &Subjects,
) -> Result<(T, Subjects), SessionError> {
    guarded(|| {
        if !seen.began_with_subject_of(base) {
            return Err(SessionError::Gone);
        }
        let mut data = base.clone();
        let subjects = make_all(replays, changes, &mut data)?;
        Ok((data, subjects))
    })?
}

/// A change that is being made. Its leftovers are dropped at its end, also when it panics.
struct InProgress<'s, T: SessionData> {
    request_session: &'s RequestSession<T>,
    guard: Option<ChangeGuard<'s>>,
}

impl<T: SessionData> Drop for InProgress<'_, T> {
    fn drop(&mut self) {
        self.guard = None;
        self.request_session.with_state(|_| ());
    }
}
