use std::collections::VecDeque;
use std::sync::Arc;

use handstamp_core::cookie::VerifiedCookie;
use handstamp_core::keys::KeyAge;
use handstamp_core::plan::{Intent, SessionState};
use handstamp_store::Lookup;
use http::HeaderValue;

use super::change::Change;
use super::commit::{Committed, Done};
use super::snapshot::Snapshot;
use super::subject::Subjects;
use crate::layer::respond::Marks;
use crate::{SessionData, SessionError};

/// A value of the application that is not needed any more.
#[expect(dead_code, reason = "it is there to be dropped")]
pub(super) enum Leftover<T> {
    Data(Arc<T>),
    Origin(Arc<Snapshot<T>>),
    Changes(Vec<Change<T>>),
}

/// A session in use by one request.
pub(super) struct Open<T> {
    /// The valid cookie that came with the request, or the one that it has got since.
    pub(super) cookie: Option<VerifiedCookie>,
    /// Other valid cookies that came with the request. A logout ends their sessions, too.
    pub(super) others: Vec<VerifiedCookie>,
    /// The session that the cookie names, if there is one.
    pub(super) origin: Option<Arc<Snapshot<T>>>,
    /// What there is under the id in the cookie where there is no origin.
    absence: SessionState,
    /// The origin's data, or the default, with all changes applied.
    pub(super) data: Arc<T>,
    /// Those of the data, from change to change, if there are changes.
    pub(super) subjects: Option<Subjects>,
    pub(super) renew: bool,
    /// Whether a renewal begins the absolute lifetime anew.
    pub(super) restart: bool,
    /// Whether the changes are those of another subject's session, which takes the place of the origin.
    switch: bool,
    /// Why this node cannot use the record that there is, if so.
    unusable: Option<SessionError>,
    /// Whether the origin is to end, loaded or not.
    pub(super) destroy: bool,
    /// Whether there is an origin is not known.
    pub(super) outage: Option<SessionError>,
    /// Whether the request is a use of the session, which keeps it alive.
    pub(super) counts: bool,
    /// Commits in progress.
    pub(super) committing: usize,
    /// The cookie that the response is to carry, from a commit that is done.
    pub(super) to_send: Option<HeaderValue>,
    /// Whether the session that the request came with existed.
    existed: bool,
    /// Whether the request has ended the session.
    pub(super) ended: bool,
    /// Which batch of changes is being gathered: they are committed together.
    pub(super) batch: u64,
    changes: Vec<Change<T>>,
    /// What is to be dropped as soon as this is not locked.
    pub(super) leftovers: Vec<Leftover<T>>,
    /// The last batches that could not be committed.
    failures: VecDeque<(u64, SessionError)>,
    /// Why changes of this request were lost that no commit has reported.
    lost: Option<SessionError>,
}

impl<T: SessionData> Open<T> {
    pub(super) fn new(
        cookie: Option<VerifiedCookie>,
        others: Vec<VerifiedCookie>,
        found: Lookup<Arc<Snapshot<T>>>,
    ) -> Self {
        let (absence, origin) = (state_of(&found), Option::from(found));
        Self {
            cookie,
            others,
            absence,
            data: data_of(origin.as_ref()),
            subjects: None,
            existed: origin.is_some(),
            origin,
            renew: false,
            restart: false,
            switch: false,
            unusable: None,
            destroy: false,
            outage: None,
            counts: false,
            committing: 0,
            to_send: None,
            ended: false,
            batch: 0,
            changes: Vec::new(),
            leftovers: Vec::new(),
            failures: VecDeque::new(),
            lost: None,
        }
    }

    /// There is a record that this node cannot use: the session of a login can take its place.
    pub(super) fn cannot_use_record(&mut self, why: SessionError) {
        self.unusable = Some(why);
        self.replace_origin(None);
        if !self.begins_anew() {
            // What has been changed of it is not for that session. Without a login, it is refused, as a renewal is.
            self.renew |= !self.changes.is_empty();
            self.replace_data(Arc::default());
            self.drop_changes();
        }
    }

    pub(super) fn has_unusable_record(&self) -> bool {
        self.unusable.is_some()
    }

    /// Why nothing can be saved over the record that there is, or moved to another id.
    pub(super) fn unusable(&self) -> Option<SessionError> {
        self.unusable.clone()
    }

    /// Whether there is a session cannot be found out, because of this error.
    pub(super) fn in_outage(mut self, outage: SessionError) -> Self {
        self.outage = Some(outage);
        self
    }

    pub(super) fn changed(&mut self, data: T, change: Change<T>, subjects: Subjects) {
        self.replace_data(Arc::new(data));
        self.changes.push(change);
        self.subjects = Some(subjects);
    }

    /// What follows is for a session of another subject.
    pub(super) fn switch(&mut self) {
        self.replace_data(Arc::default());
        self.drop_changes();
        self.switch = true;
    }

    pub(super) fn destroy(&mut self) {
        self.replace_data(Arc::default());
        self.drop_changes();
        (self.renew, self.restart) = (false, false);
        self.destroy = true;
    }

    /// Forgets what has not been committed.
    pub(super) fn discard(&mut self) {
        self.take_back_intents();
        self.replace_data(data_of(self.origin.as_ref()));
        self.lost = None;
    }

    /// Forgets what has not been committed, except that the session is to end.
    pub(super) fn discard_changes(&mut self) {
        let destroy = self.destroy;
        self.discard();
        if destroy {
            self.destroy();
        }
    }

    pub(super) fn intent(&self) -> Intent {
        match (self.destroy, self.renew, self.changes.is_empty()) {
            (true, _, true) => Intent::Destroy,
            (true, _, false) => Intent::Replace,
            (false, _, false) if self.switch && (self.gets_subject() || self.origin.is_some()) => {
                Intent::Switch
            }
            // That record can only be replaced.
            (false, _, false) if self.gets_subject() && self.has_unusable_record() => Intent::Switch,
            (false, _, false) if self.gets_subject() => Intent::LogIn,
            (false, true, unchanged) => Intent::Renew { change: !unchanged },
            (false, false, true) => Intent::Keep,
            (false, false, false) => Intent::Change,
        }
    }

    /// Whether the changes are a login: they give the session a subject, or the application says so.
    pub(super) fn logs_in(&self) -> bool {
        self.restart || self.gets_subject()
    }

    fn gets_subject(&self) -> bool {
        self.subjects.as_ref().is_some_and(Subjects::log_in)
    }

    /// What there is under the id in the cookie.
    pub(super) fn session_state(&self) -> SessionState {
        let is_live = self.origin.is_some() || self.has_unusable_record();
        if is_live { SessionState::Live } else { self.absence }
    }

    pub(super) fn has_work(&self) -> bool {
        self.destroy || self.renew || !self.changes.is_empty()
    }

    /// The headers that the response needs.
    pub(super) fn take_marks(&mut self) -> Marks {
        Marks { cookie: self.to_send.take(), existed: self.existed, ended: self.ended }
    }

    /// Hands over what is to be done: the data, and the changes that led to it.
    pub(super) fn take_changes(&mut self) -> (Arc<T>, Vec<Change<T>>) {
        (self.renew, self.restart, self.destroy) = (false, false, false);
        (self.subjects, self.switch) = (None, false);
        self.batch += 1;
        (self.data.clone(), std::mem::take(&mut self.changes))
    }

    /// What was handed over cannot be done.
    pub(super) fn give_up(&mut self, data: Arc<T>, changes: Vec<Change<T>>) {
        self.replace_data(self.base());
        self.leftovers.extend([Leftover::Data(data), Leftover::Changes(changes)]);
    }

    /// What was handed over has been done, or not. What has been asked for since stays to be done.
    pub(super) fn conclude(&mut self, committed: Committed<T>) -> Result<(), SessionError> {
        let Committed { cookie, done, result } = committed;
        self.to_send = cookie.or(self.to_send.take());
        match done {
            Some(Done::Saved(snapshot)) => self.replace_origin(Some(snapshot)),
            Some(Done::Moved(id, snapshot)) => {
                self.cookie = Some(VerifiedCookie { id, key_age: KeyAge::Current });
                self.others.clear();
                self.unusable = None;
                self.replace_origin(Some(snapshot));
            }
            Some(Done::Over(state)) => self.end(state),
            None => {}
        }
        if let Err(error) = &result {
            // The one that was handed over last: commits are carried out one after the other.
            self.failures.push_back((self.batch.saturating_sub(1), error.clone()));
            if self.failures.len() > MOST_FAILURES {
                self.failures.pop_front();
            }
        }
        result
    }

    /// How the commit that took this batch of changes ended.
    pub(super) fn result_of(&self, batch: u64) -> Result<(), SessionError> {
        match self.failures.iter().find(|(failed, _)| *failed == batch) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Whether the origin has this revision.
    pub(super) fn is_at(&self, fresh: &Snapshot<T>) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin.metadata.revision == fresh.metadata.revision)
    }

    /// `fresh` is what is in the store now.
    pub(super) fn refresh(&mut self, fresh: Arc<Snapshot<T>>) {
        (self.outage, self.unusable) = (None, None);
        self.existed = true;
        self.replace_origin(Some(fresh));
    }

    /// There is no session in the store now, but what `lookup` says.
    pub(super) fn not_found(&mut self, lookup: &Lookup<Arc<Snapshot<T>>>) {
        self.outage = None;
        let state = state_of(lookup);
        if self.destroy {
            // That finds the session wherever it is.
        } else if self.cookie.is_some() && self.session_state() == SessionState::Live {
            // Where there is no trace of it any more, it was long ago that it ended.
            self.vanish(if state == SessionState::Absent { SessionState::Ended } else { state });
        } else if state != SessionState::Absent {
            self.absence = state;
        }
    }

    /// The session is not in the store any more, or under another id. What this request would have changed of it is not kept.
    fn vanish(&mut self, state: SessionState) {
        self.take_back_intents();
        self.end(state);
    }

    /// What changes are made on.
    pub(super) fn base(&self) -> Arc<T> {
        data_of(self.origin.as_ref().filter(|_| !self.begins_anew()))
    }

    /// Whether changes are made on nothing: after a destroy, and for another subject.
    pub(super) fn begins_anew(&self) -> bool {
        self.destroy || self.switch
    }

    /// The changes that have not been committed, to be made again.
    pub(super) fn take_pending(&mut self) -> (Vec<Change<T>>, Option<Subjects>) {
        (std::mem::take(&mut self.changes), self.subjects.take())
    }

    /// They have been.
    pub(super) fn rebased(&mut self, data: Arc<T>, changes: Vec<Change<T>>, subjects: Option<Subjects>) {
        self.replace_data(data);
        (self.changes, self.subjects) = (changes, subjects);
    }

    /// They could not be.
    pub(super) fn lose(&mut self, why: SessionError, changes: Vec<Change<T>>) {
        self.leftovers.push(Leftover::Changes(changes));
        self.discard();
        self.lost = Some(why);
    }

    /// Forgets the changes and the renewal that have not been committed. The next commit reports that.
    pub(super) fn lose_changes(&mut self, why: SessionError) {
        if self.renew || !self.changes.is_empty() {
            self.discard_changes();
            self.lost = Some(why);
        }
    }

    pub(super) fn take_lost(&mut self) -> Option<SessionError> {
        self.lost.take()
    }

    pub(super) fn has_lost_changes(&self) -> bool {
        self.lost.is_some()
    }

    /// Drops the closures of changes, which then cannot be made again. A commit in progress may still take them.
    pub(super) fn forget_closures(&mut self) {
        if self.committing == 0 && !self.changes.is_empty() {
            let changes = std::mem::replace(&mut self.changes, vec![Change::Forgotten]);
            self.leftovers.push(Leftover::Changes(changes));
        }
    }

    pub(super) fn take_back_intents(&mut self) {
        self.drop_changes();
        (self.renew, self.restart, self.destroy) = (false, false, false);
    }

    fn end(&mut self, state: SessionState) {
        self.cookie = None;
        self.others.clear();
        (self.absence, self.unusable) = (state, None);
        self.replace_origin(None);
    }

    fn replace_data(&mut self, data: Arc<T>) {
        self.leftovers.push(Leftover::Data(std::mem::replace(&mut self.data, data)));
    }

    fn replace_origin(&mut self, origin: Option<Arc<Snapshot<T>>>) {
        self.leftovers.extend(std::mem::replace(&mut self.origin, origin).map(Leftover::Origin));
    }

    fn drop_changes(&mut self) {
        (self.subjects, self.switch) = (None, false);
        if !self.changes.is_empty() {
            self.leftovers.push(Leftover::Changes(std::mem::take(&mut self.changes)));
        }
    }
}

/// A record that cannot be read counts as none.
fn state_of<T>(found: &Lookup<T>) -> SessionState {
    match found {
        Lookup::Found(_) => SessionState::Live,
        Lookup::Absent | Lookup::Unreadable => SessionState::Absent,
        Lookup::Ended => SessionState::Ended,
        Lookup::Moved => SessionState::Moved,
    }
}

fn data_of<T: SessionData>(origin: Option<&Arc<Snapshot<T>>>) -> Arc<T> {
    origin.map_or_else(Arc::default, |origin| origin.data.clone())
}

/// Only commits that wait at the same time ask for each other's failures.
const MOST_FAILURES: usize = 16;

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Default, Deserialize, Serialize)]
    struct Nothing {}

    impl SessionData for Nothing {}

    /// A socket that goes on committing in an outage.
    #[test]
    fn k8_4_the_failures_of_a_long_session_are_bounded() {
        let mut open = Open::<Nothing>::new(None, Vec::new(), Lookup::Absent);
        for _ in 0..1_000 {
            drop(open.take_changes());
            let failed = Committed { cookie: None, done: None, result: Err(SessionError::Conflict) };
            assert!(open.conclude(failed).is_err());
        }
        assert_eq!(open.failures.len(), MOST_FAILURES);
        assert!(open.result_of(999).is_err(), "the last one is known");
        assert!(open.result_of(0).is_ok(), "the first one is forgotten");
    }
}
