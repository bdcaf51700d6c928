use std::sync::Arc;

use handstamp_core::cookie::VerifiedCookie;
use handstamp_core::keys::KeyAge;

use super::super::change::Change;
use super::super::commit::{CommitOutcome, Committed};
use super::super::subject::Subjects;
use super::{Leftover, LoadedSession, Origin};
use crate::layer::respond::Marks;
use crate::{SessionData, SessionError};

/// The outcome of pending changes.
impl<T: SessionData> LoadedSession<T> {
    /// Hands everything pending over to a commit: the data, and the changes that led to it.
    pub(in crate::session) fn take_batch(&mut self) -> (Arc<T>, Vec<Change<T>>) {
        self.batch += 1;
        (self.data.clone(), std::mem::take(&mut self.pending).changes)
    }

    /// The batch that was handed over cannot be committed.
    pub(in crate::session) fn give_up(&mut self, data: Arc<T>, changes: Vec<Change<T>>) {
        self.replace_data(self.base());
        self.leftovers.extend([Leftover::Data(data), Leftover::Changes(changes)]);
    }

    /// The batch that was handed over was committed, or not. Everything that came since stays pending.
    pub(in crate::session) fn conclude(&mut self, outcome: CommitOutcome<T>) -> Result<(), SessionError> {
        let CommitOutcome { cookie, committed, result } = outcome;
        self.marks.cookie = cookie.or(self.marks.cookie.take());
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
            self.failures.add(self.batch.saturating_sub(1), error.clone());
        }
        result
    }

    /// How the commit that took this batch of changes ended.
    pub(in crate::session) fn result_of(&self, batch: u64) -> Result<(), SessionError> {
        self.failures.find(batch).map_or(Ok(()), |error| Err(error.clone()))
    }

    /// The changes to be made again on another origin.
    pub(in crate::session) fn take_changes(&mut self) -> (Vec<Change<T>>, Option<Subjects>) {
        (std::mem::take(&mut self.pending.changes), self.pending.subjects.take())
    }

    /// The changes were made again.
    pub(in crate::session) fn rebased(
        &mut self,
        data: Arc<T>,
        changes: Vec<Change<T>>,
        subjects: Option<Subjects>,
    ) {
        self.replace_data(data);
        (self.pending.changes, self.pending.subjects) = (changes, subjects);
    }

    /// The changes could not be made again.
    pub(in crate::session) fn lose(&mut self, reason: SessionError, changes: Vec<Change<T>>) {
        self.leftovers.push(Leftover::Changes(changes));
        self.discard();
        self.lost = Some(reason);
    }

    /// Discards the pending changes and the renewal. The next commit reports that.
    pub(in crate::session) fn lose_changes(&mut self, reason: SessionError) {
        if self.pending.has_changes_or_renewal() {
            self.discard_changes();
            self.lost = Some(reason);
        }
    }

    pub(in crate::session) fn take_lost(&mut self) -> Option<SessionError> {
        self.lost.take()
    }

    pub(in crate::session) fn has_lost_changes(&self) -> bool {
        self.lost.is_some()
    }

    pub(in crate::session) fn take_marks(&mut self) -> Marks {
        Marks { cookie: self.marks.cookie.take(), existed: self.marks.existed, ended: self.marks.ended }
    }
}
