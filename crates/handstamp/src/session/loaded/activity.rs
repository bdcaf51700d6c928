use std::sync::Arc;

use http::HeaderValue;

use super::super::change::Change;
use super::super::snapshot::Snapshot;
use super::failures::Failures;
use super::pending::Pending;
use crate::SessionError;

/// Everything about a session that a request which only reads does not need.
pub(super) struct Activity<T> {
    pub(super) pending: Pending<T>,
    /// The batch that pending changes belong to: they are committed together.
    pub(super) batch: u64,
    pub(super) commits_in_progress: usize,
    pub(super) failures: Failures,
    /// Why changes were lost that no commit has reported.
    pub(super) lost: Option<SessionError>,
    /// The cookie to set or to remove.
    pub(super) set_cookie: Option<HeaderValue>,
    /// Whether the request ended the session.
    pub(super) ended: bool,
    /// Values to drop as soon as the session is not locked.
    pub(super) leftovers: Vec<Leftover<T>>,
}

/// A value of the application that is not needed any more.
#[expect(dead_code, reason = "it is there to be dropped")]
pub(in crate::session) enum Leftover<T> {
    Data(Arc<T>),
    Origin(Arc<Snapshot<T>>),
    Changes(Vec<Change<T>>),
}

impl<T> Default for Activity<T> {
    fn default() -> Self {
        Self {
            pending: Pending::default(),
            batch: 0,
            commits_in_progress: 0,
            failures: Failures::default(),
            lost: None,
            set_cookie: None,
            ended: false,
            leftovers: Vec::new(),
        }
    }
}
