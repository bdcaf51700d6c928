use std::sync::Arc;

use crate::SessionData;

/// The subjects that a session's data has had, from one change of a request to the next.
///
/// All are judged by the same code: after a deploy that changes `SessionData::subject`, sessions keep their subject until it
/// really changes.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    /// Before the first change.
    first: Option<Arc<str>>,
    /// The last subject, also if the data has none now.
    last: Option<Arc<str>>,
    has_subject: bool,
}

impl Subjects {
    pub(super) fn before<T: SessionData>(data: &T) -> Self {
        let first: Option<Arc<str>> = data.subject().map(Arc::from);
        Self { last: first.clone(), has_subject: first.is_some(), first }
    }

    /// Records the data after a change. Returns whether the change has replaced the subject by another one.
    pub(super) fn follow<T: SessionData>(&mut self, data: &T) -> bool {
        let (subject, last) = (data.subject(), self.last.take());
        let switches = subject.is_some() && last.is_some() && subject != last.as_deref();
        self.has_subject = subject.is_some();
        self.last = last.filter(|_| !switches).or_else(|| subject.map(Arc::from));
        switches
    }

    /// Whether the changes were made on data of the subject that `data` has.
    pub(super) fn began_with_subject_of<T: SessionData>(&self, data: &T) -> bool {
        self.first.as_deref() == data.subject()
    }

    /// Whether the changes are a login: there was no subject, and there is one.
    pub(super) fn log_in(&self) -> bool {
        self.first.is_none() && self.has_subject
    }
}
