use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Shared;
use super::respond::Marks;
use crate::session::{Outcome, RequestSession, guarded};
use crate::{SessionData, SessionError};

/// A commit in progress, as a part of the response. If it is dropped before its end, a task finishes it.
pub(super) struct CommitFuture<T: SessionData> {
    shared: Arc<Shared<T>>,
    /// `None` when it has ended.
    commit: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
}

impl<T: SessionData> CommitFuture<T> {
    pub(super) fn new(request_session: &Arc<RequestSession<T>>) -> Self {
        let shared = request_session.shared().clone();
        Self { shared, commit: Some(Box::pin(request_session.clone().commit_rest())) }
    }
}

impl<T: SessionData> Future for CommitFuture<T> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { shared, commit } = &mut *self;
        // The service may be polled outside of the runtime.
        let _runtime = shared.enter_runtime();
        let polled = match commit {
            Some(commit) => guarded(|| commit.as_mut().poll(cx)),
            None => Err(SessionError::Aborted),
        };
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panicked) => Outcome { marks: Marks::default(), result: Err(panicked) },
        };
        // It drops values of the application.
        let _ = guarded(|| drop(commit.take()));
        Poll::Ready(outcome)
    }
}

impl<T: SessionData> Drop for CommitFuture<T> {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take() {
            drop(self.shared.spawn(commit));
        }
    }
}
