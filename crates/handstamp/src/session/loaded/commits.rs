use std::sync::Arc;

use handstamp_core::cookie::VerifiedCookie;
use handstamp_core::keys::KeyAge;
use http::HeaderValue;

use super::super::change::Change;
use super::super::commit::{CommitOutcome, Committed};
use super::super::subject::Subjects;
use super::pending::Pending;
use super::{Leftover, LoadedSession, Origin};
use crate::layer::respond::Marks;
use crate::{SessionData, SessionError};

/// The outcome of pending changes.
impl<T: SessionData> LoadedSession<T> {
    /// Hands everything pending over to a commit: the data, and the changes that led to it.
    pub(in crate::session) fn take_batch(&mut self) -> (Arc<T>, Vec<Change<T>>) {
        let activity = self.activity();
        activity.batch += 1;
        let changes = std::mem::take(&mut activity.pending).changes;
        (self.data.clone(), changes)
    }

    /// The batch that was handed over cannot be committed.
    pub(in crate::session) fn give_up(&mut self, data: Arc<T>, changes: Vec<Change<T>>) {
        self.replace_data(self.base());
        self.activity().leftovers.extend([Leftover::Data(data), Leftover::Changes(changes)]);
    }

    /// The batch that was handed over was committed, or not. Everything that came since stays pending.
    pub(in crate::session) fn conclude(&mut self, outcome: CommitOutcome<T>) -> Result<(), SessionError> {
        let CommitOutcome { cookie, committed, result } = outcome;
        if cookie.is_some() {
            self.activity().set_cookie = cookie;
        }
        match committed {
            Some(Committed::Saved(snapshot)) => self.replace_origin(Origin::Found(snapshot)),
            Some(Committed::Moved(id, snapshot)) => {
                self.cookie = Some(VerifiedCookie { id, key_age: KeyAge::Current });
                self.ambiguous_cookies.clear();
                self.replace_origin(Origin::Found(snapshot));
            }
            Some(Committed::Over(absence)) => self.end(absence),
            None => {}
        }
        if let Err(error) = &result {
            // The last batch that was handed over: commits are carried out one after the other.
            let activity = self.activity();
            activity.failures.add(activity.batch.saturating_sub(1), error.clone());
        }
        result
    }

    /// How the commit that took this batch of changes ended.
    pub(in crate::session) fn result_of(&self, batch: u64) -> Result<(), SessionError> {
        let failure = self.activity.as_ref().and_then(|activity| activity.failures.find(batch));
        failure.map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Begins a commit, and returns the batch of the changes that are pending now.
    pub(in crate::session) fn commit_begins(&mut self) -> u64 {
        let activity = self.activity();
        activity.commits_in_progress += 1;
        activity.batch
    }

    pub(in crate::session) fn commit_ends(&mut self) {
        self.activity().commits_in_progress -= 1;
    }

    /// Whether a commit is in progress.
    pub(in crate::session) fn is_being_committed(&self) -> bool {
        self.activity.as_ref().is_some_and(|activity| activity.commits_in_progress > 0)
    }

    /// The changes to be made again on another origin.
    pub(in crate::session) fn take_changes(&mut self) -> (Vec<Change<T>>, Option<Subjects>) {
        match &mut self.activity {
            Some(activity) => {
                (std::mem::take(&mut activity.pending.changes), activity.pending.subjects.take())
            }
            None => (Vec::new(), None),
        }
    }

    /// The changes were made again.
    pub(in crate::session) fn rebased(
        &mut self,
        data: Arc<T>,
        changes: Vec<Change<T>>,
        subjects: Option<Subjects>,
    ) {
        self.replace_data(data);
        let pending = self.pending_mut();
        (pending.changes, pending.subjects) = (changes, subjects);
    }

    /// The changes could not be made again.
    pub(in crate::session) fn lose(&mut self, reason: SessionError, changes: Vec<Change<T>>) {
        self.activity().leftovers.push(Leftover::Changes(changes));
        self.discard();
        self.activity().lost = Some(reason);
    }

    /// Discards the pending changes and the renewal. The next commit reports that.
    pub(in crate::session) fn lose_changes(&mut self, reason: SessionError) {
        if self.pending().is_some_and(Pending::has_changes_or_renewal) {
            self.discard_changes();
            self.activity().lost = Some(reason);
        }
    }

    pub(in crate::session) fn take_lost(&mut self) -> Option<SessionError> {
        self.activity.as_mut()?.lost.take()
    }

    pub(in crate::session) fn has_lost_changes(&self) -> bool {
        self.activity.as_ref().is_some_and(|activity| activity.lost.is_some())
    }

    /// The request ends the session.
    pub(in crate::session) fn ends(&mut self) {
        self.activity().ended = true;
    }

    pub(in crate::session) fn set_cookie(&mut self, cookie: HeaderValue) {
        self.activity().set_cookie = Some(cookie);
    }

    /// The headers that the response needs.
    pub(in crate::session) fn take_marks(&mut self) -> Marks {
        let existed = self.existed;
        match &mut self.activity {
            Some(activity) => Marks { cookie: activity.set_cookie.take(), existed, ended: activity.ended },
            None => Marks { existed, ..Marks::default() },
        }
    }

    /// The values to drop as soon as this is not locked.
    pub(in crate::session) fn leftovers(&mut self) -> Option<&mut Vec<Leftover<T>>> {
        self.activity.as_mut().map(|activity| &mut activity.leftovers)
    }
}
