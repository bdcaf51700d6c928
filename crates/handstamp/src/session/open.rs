use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cookie::Opened;
use handstamp_core::keys::KeyAge;
use handstamp_core::plan::Intent;
use http::HeaderValue;

use super::change::{Change, apply};
use super::commit::{Committed, Done};
use super::snapshot::Snapshot;
use crate::layer::respond::Marks;
use crate::{SessionData, SessionError};

/// A session in use by one request.
pub(super) struct Open<T> {
    /// The valid cookie that came with the request, or the one that it has got since.
    pub(super) cookie: Option<Opened>,
    /// Several valid cookies that came instead of one. None is believed; a logout ends them all.
    pub(super) others: Vec<Opened>,
    /// The session that the cookie names, if there is one.
    pub(super) origin: Option<Arc<Snapshot<T>>>,
    /// When that was found.
    pub(super) since: Instant,
    /// The origin's data, or the default, with all changes applied.
    pub(super) data: Arc<T>,
    pub(super) renew: bool,
    /// Whether the origin is to end, loaded or not.
    pub(super) destroy: bool,
    /// Nobody knows whether there is an origin.
    pub(super) outage: Option<SessionError>,
    /// Commits under way.
    pub(super) committing: usize,
    /// The cookie that the answer is to carry, from a commit that is done.
    pub(super) to_send: Option<HeaderValue>,
    /// Whether the answer has left, and with it the last chance to send a cookie.
    pub(super) left: bool,
    /// Whether the session that the request came with existed.
    existed: bool,
    /// Whether the request has ended the session.
    pub(super) ended: bool,
    /// Which batch of changes is being gathered: they are committed together.
    pub(super) batch: u64,
    changes: Vec<Change<T>>,
    /// The batches that could not be committed.
    failures: Vec<(u64, SessionError)>,
}

impl<T: SessionData> Open<T> {
    pub(super) fn new(
        cookie: Option<Opened>,
        others: Vec<Opened>,
        origin: Option<Arc<Snapshot<T>>>,
        since: Instant,
    ) -> Self {
        Self {
            cookie,
            others,
            data: data_of(origin.as_ref()),
            existed: origin.is_some(),
            origin,
            since,
            renew: false,
            destroy: false,
            outage: None,
            committing: 0,
            to_send: None,
            left: false,
            ended: false,
            batch: 0,
            changes: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(super) fn update<R>(&mut self, change: impl Fn(&mut T) -> R + Send + 'static) -> R {
        let returned = change(Arc::make_mut(&mut self.data));
        self.changes.push(Box::new(move |data| {
            change(data);
        }));
        returned
    }

    pub(super) fn destroy(&mut self) {
        self.data = Arc::default();
        self.changes.clear();
        self.renew = false;
        self.destroy = true;
    }

    /// Forgets what has not been committed.
    pub(super) fn discard(&mut self) {
        self.changes.clear();
        (self.renew, self.destroy) = (false, false);
        self.start_from_origin();
    }

    pub(super) fn intent(&self) -> Intent {
        match (self.destroy, self.renew, self.changes.is_empty()) {
            (true, _, true) => Intent::Destroy,
            (true, _, false) => Intent::Replace,
            (false, true, unchanged) => Intent::Renew { change: !unchanged },
            (false, false, true) => Intent::Keep,
            (false, false, false) => Intent::Change,
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.destroy || self.renew || !self.changes.is_empty()
    }

    /// The answer leaves. What has no effect, such as renewing a session that does not exist, is not held over.
    pub(super) fn leave(&mut self) {
        self.changes.clear();
        (self.renew, self.destroy) = (false, false);
        self.left = true;
    }

    /// The headers that the response needs.
    pub(super) fn take_marks(&mut self) -> Marks {
        Marks { cookie: self.to_send.take(), existed: self.existed, ended: self.ended }
    }

    /// Hands over what is to be done: the data, and the changes that led to it.
    pub(super) fn take_changes(&mut self) -> (Arc<T>, Vec<Change<T>>) {
        (self.renew, self.destroy) = (false, false);
        self.batch += 1;
        (self.data.clone(), std::mem::take(&mut self.changes))
    }

    /// What was handed over has been done, or not. What has been asked for since stays to be done.
    pub(super) fn conclude(&mut self, committed: Committed<T>) -> Result<(), SessionError> {
        let Committed { cookie, done, result } = committed;
        self.to_send = cookie.or(self.to_send.take());
        match done {
            Some(Done::Saved(snapshot)) => self.origin = Some(snapshot),
            Some(Done::Moved(id, snapshot)) => {
                self.cookie = Some(Opened { id, key_age: KeyAge::Current });
                self.others.clear();
                self.origin = Some(snapshot);
            }
            Some(Done::Ended) => self.end(),
            None => {}
        }
        self.start_from_origin();
        if let Err(error) = &result {
            // The one that was handed over last: commits are carried out one after the other.
            self.failures.push((self.batch.saturating_sub(1), error.clone()));
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

    /// `fresh` is what is in the store now.
    pub(super) fn refresh(&mut self, fresh: Arc<Snapshot<T>>) {
        self.outage = None;
        self.existed = true;
        self.origin = Some(fresh);
        self.start_from_origin();
    }

    /// The session is not in the store any more. What this request would have changed of it is not kept.
    pub(super) fn vanish(&mut self, removal: HeaderValue) {
        self.to_send = Some(removal);
        if !self.destroy {
            self.changes.clear();
        }
        (self.renew, self.destroy) = (false, false);
        self.end();
        self.start_from_origin();
    }

    fn end(&mut self) {
        self.cookie = None;
        self.others.clear();
        self.origin = None;
    }

    /// Makes what has not been committed again on what there is: on nothing, after a destroy.
    fn start_from_origin(&mut self) {
        self.data = data_of(self.origin.as_ref().filter(|_| !self.destroy));
        // A change that panics has done so in the handler before, most likely, and is not kept.
        if !self.changes.is_empty() && apply(&self.changes, Arc::make_mut(&mut self.data)).is_err() {
            self.discard();
        }
    }
}

fn data_of<T: SessionData>(origin: Option<&Arc<Snapshot<T>>>) -> Arc<T> {
    origin.map_or_else(Arc::default, |origin| origin.data.clone())
}
