//! The session of a request, as a value: what was found, what the request has done to it since, and what came of its commits.
//!
//! | File | Content |
//! |---|---|
//! | `mod.rs` | the session, and what happens to it |
//! | `origin.rs` | what there is under the id in the cookie |
//! | `activity.rs` | everything that a request which only reads does not need |
//! | `pending.rs` | what the request has done and not committed |
//! | `commits.rs` | what becomes of that |
//! | `failures.rs` | the commits that have failed |
//! | `refreshed.rs` | what the store has now |

mod activity;
mod commits;
mod failures;
mod origin;
mod pending;
mod refreshed;

use std::sync::Arc;

use handstamp_core::cookie::VerifiedCookie;
use handstamp_core::plan::{Intent, SessionState};

use self::activity::Activity;
pub(super) use self::activity::Leftover;
pub(super) use self::origin::Origin;
pub(super) use self::pending::Renew;
use self::pending::{Basis, Pending};
use super::absence::Absence;
use super::change::Change;
use super::snapshot::Snapshot;
use super::subject::Subjects;
use crate::{SessionData, SessionError};

/// A session in use by one request.
pub(super) struct LoadedSession<T> {
    /// The valid cookie that came with the request, or the one that the request has set since.
    pub(super) cookie: Option<VerifiedCookie>,
    /// Other valid cookies that came with the request. A logout ends their sessions, too.
    pub(super) ambiguous_cookies: Vec<VerifiedCookie>,
    origin: Origin<T>,
    /// The origin's data, or the default, with all pending changes made.
    pub(super) data: Arc<T>,
    /// Whether the handler saw a session that existed.
    existed: bool,
    /// Whether the request counts as a use of the session, which keeps it alive.
    pub(super) counts_as_use: bool,
    /// `None` as long as the request has only read.
    activity: Option<Box<Activity<T>>>,
}

impl<T: SessionData> LoadedSession<T> {
    pub(super) fn new(
        cookie: Option<VerifiedCookie>,
        ambiguous_cookies: Vec<VerifiedCookie>,
        origin: Origin<T>,
    ) -> Self {
        let (existed, data) = (origin.session().is_some(), origin.data());
        Self { cookie, ambiguous_cookies, origin, data, existed, counts_as_use: false, activity: None }
    }

    /// The session that the cookie names, if it is there and can be used.
    pub(super) fn origin(&self) -> Option<&Arc<Snapshot<T>>> {
        self.origin.session()
    }

    /// Why no session can be saved over the record under the id in the cookie, or moved from there.
    pub(super) fn unusable(&self) -> Option<&SessionError> {
        if let Origin::Unusable(reason) = &self.origin { Some(reason) } else { None }
    }

    /// Why it is unknown whether there is a session.
    pub(super) fn outage(&self) -> Option<&SessionError> {
        if let Origin::Unknown(outage) = &self.origin { Some(outage) } else { None }
    }

    pub(super) fn state(&self) -> SessionState {
        self.origin.state()
    }

    /// Whether the origin has the revision of `fresh`.
    pub(super) fn is_at(&self, fresh: &Snapshot<T>) -> bool {
        self.origin().is_some_and(|origin| origin.metadata.revision == fresh.metadata.revision)
    }

    /// The data that pending changes are made on.
    pub(super) fn base(&self) -> Arc<T> {
        if self.begins_anew() { Arc::default() } else { self.origin.data() }
    }

    /// Whether pending changes are made on nothing: after a destroy, and for another subject.
    pub(super) fn begins_anew(&self) -> bool {
        self.pending().is_some_and(Pending::begins_anew)
    }

    pub(super) fn is_destroyed(&self) -> bool {
        self.pending().is_some_and(|pending| pending.basis == Basis::Destroyed)
    }

    pub(super) fn subjects(&self) -> Option<&Subjects> {
        self.pending()?.subjects.as_ref()
    }

    pub(super) fn intent(&self) -> Intent {
        self.pending().map_or(Intent::Keep, |pending| pending.intent(&self.origin))
    }

    /// Whether the pending changes are a login: they give the session a subject, or the application says so.
    pub(super) fn logs_in(&self) -> bool {
        self.pending().is_some_and(Pending::logs_in)
    }

    pub(super) fn has_pending(&self) -> bool {
        self.pending().is_some_and(|pending| !pending.is_empty())
    }

    fn pending(&self) -> Option<&Pending<T>> {
        self.activity.as_ref().map(|activity| &activity.pending)
    }

    fn pending_mut(&mut self) -> &mut Pending<T> {
        &mut self.activity().pending
    }

    fn activity(&mut self) -> &mut Activity<T> {
        self.activity.get_or_insert_default()
    }
}

/// The operations of a request on its session.
impl<T: SessionData> LoadedSession<T> {
    pub(super) fn changed(&mut self, data: T, change: Change<T>, subjects: Subjects) {
        self.replace_data(Arc::new(data));
        let pending = self.pending_mut();
        pending.changes.push(change);
        pending.subjects = Some(subjects);
    }

    /// The changes that follow are for a session of another subject.
    pub(super) fn switch_subject(&mut self) {
        self.replace_data(Arc::default());
        self.drop_changes();
        self.pending_mut().switch_subject();
    }

    pub(super) fn renew(&mut self, renew: Renew) {
        let pending = self.pending_mut();
        pending.renew = pending.renew.max(renew);
    }

    pub(super) fn destroy(&mut self) {
        self.replace_data(Arc::default());
        self.drop_changes();
        let pending = self.pending_mut();
        (pending.renew, pending.basis) = (Renew::No, Basis::Destroyed);
    }

    /// Discards everything pending.
    pub(super) fn discard(&mut self) {
        self.discard_intents();
        self.replace_data(self.origin.data());
        self.take_lost();
    }

    /// Discards everything pending, except that the session is to end.
    pub(super) fn discard_changes(&mut self) {
        let is_destroyed = self.is_destroyed();
        self.discard();
        if is_destroyed {
            self.destroy();
        }
    }

    /// Discards everything pending, and leaves the data.
    pub(super) fn discard_intents(&mut self) {
        self.drop_changes();
        if let Some(activity) = &mut self.activity {
            (activity.pending.renew, activity.pending.basis) = (Renew::No, Basis::Origin);
        }
    }

    /// Drops the closures of changes, which then cannot be made again. A commit in progress may still take them.
    pub(super) fn forget_closures(&mut self) {
        if let Some(activity) = &mut self.activity
            && activity.commits_in_progress == 0
            && !activity.pending.changes.is_empty()
        {
            let changes = std::mem::replace(&mut activity.pending.changes, vec![Change::Forgotten]);
            activity.leftovers.push(Leftover::Changes(changes));
        }
    }
}

/// Every value of the application that is replaced is a leftover.
impl<T: SessionData> LoadedSession<T> {
    fn end(&mut self, absence: Absence) {
        self.cookie = None;
        self.ambiguous_cookies.clear();
        if self.outage().is_none() {
            self.replace_origin(Origin::Missing(absence));
        }
    }

    fn replace_data(&mut self, data: Arc<T>) {
        let replaced = std::mem::replace(&mut self.data, data);
        self.activity().leftovers.push(Leftover::Data(replaced));
    }

    fn replace_origin(&mut self, origin: Origin<T>) {
        if let Origin::Found(session) = std::mem::replace(&mut self.origin, origin) {
            self.activity().leftovers.push(Leftover::Origin(session));
        }
    }

    fn drop_changes(&mut self) {
        if let Some(activity) = &mut self.activity {
            let changes = activity.pending.take_changes();
            if !changes.is_empty() {
                activity.leftovers.push(Leftover::Changes(changes));
            }
        }
    }
}
