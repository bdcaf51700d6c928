use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::commit::CommitFuture;
use super::error_response::{ErrorResponse, format_error, instead_of};
use super::keep_alive::KeepAlive;
use super::respond::mark;
use crate::session::{Finish, Outcome, RequestSession};
use crate::{SessionData, SessionError};

pin_project! {
    #[project = ResponseFutureProj]
    /// The response of a [`SessionService`](super::SessionService).
    ///
    /// It has to be polled until it is ready, or dropped, as every server does: while it saves the session, other requests that change the
    /// same session wait for it, and fail when their budget is used up.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the handler has responded, this drops the handler and discards its changes. Dropped later, the session is still
    /// saved: a task finishes the commit.
    ///
    /// A task that holds a [`Session`](crate::Session) of a dropped request can still commit the handler's changes, unless the handler has
    /// panicked or the session was changed elsewhere in the meantime: the closures have been dropped, and cannot run again. The task can
    /// neither create nor renew a session, since the browser would not get the cookie.
    pub struct ResponseFuture<F, T: SessionData, B, E> {
        #[pin]
        state: State<F, T, B>,
        error_response: E,
    }

    impl<F, T: SessionData, B, E> PinnedDrop for ResponseFuture<F, T, B, E> {
        fn drop(this: Pin<&mut Self>) {
            if let StateProj::Handle { request_session, .. } = this.project().state.project() {
                request_session.abandon();
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, T: SessionData, B> {
        // ## Handle => Commit   when the store has to be written to
        // ## Handle => done     otherwise, as for all reads
        Handle { #[pin] handler: F, request_session: Arc<RequestSession<T>>, keep_alive: KeepAlive },
        // ## Commit => done     with the handler's response, or an error in its place
        Commit { commit: CommitFuture<T>, request_session: Arc<RequestSession<T>>, response: Option<Response<B>> },
        // ## Nested => done     the layer further out does the rest
        Nested { #[pin] handler: F },
    }
}

impl<F, T: SessionData, B, E> ResponseFuture<F, T, B, E> {
    pub(super) fn new(handler: F, request_session: Arc<RequestSession<T>>, error_response: E) -> Self {
        let state = State::Handle { handler, request_session, keep_alive: KeepAlive::default() };
        Self { state, error_response }
    }

    /// For a layer inside another layer for the same session.
    pub(super) fn nested(handler: F, error_response: E) -> Self {
        Self { state: State::Nested { handler }, error_response }
    }
}

impl<F, T, B, E, Error> Future for ResponseFuture<F, T, B, E>
where
    F: Future<Output = Result<Response<B>, Error>>,
    T: SessionData,
    E: ErrorResponse<B>,
{
    type Output = Result<Response<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ResponseFutureProj { mut state, error_response } = self.project();
        loop {
            match state.as_mut().project() {
                StateProj::Handle { handler, request_session, keep_alive } => {
                    let passing = NotePanic(request_session);
                    let response = handler.poll(cx);
                    drop(passing);
                    let Poll::Ready(response) = response else {
                        keep_alive.poll(request_session, cx);
                        return Poll::Pending;
                    };
                    let response = response?;
                    let finish = request_session.finish(&response);
                    let mut response = if request_session.has_failed() {
                        format_error(response, request_session.shared().statuses(), error_response)
                    } else {
                        response
                    };
                    match finish {
                        Finish::Untouched => return Poll::Ready(Ok(response)),
                        Finish::Done(marks) => {
                            mark(&mut response, marks, request_session.shared().cache_control());
                            return Poll::Ready(Ok(response));
                        }
                        Finish::Commit => {
                            let commit = CommitFuture::new(request_session);
                            let request_session = request_session.clone();
                            state.set(State::Commit { commit, request_session, response: Some(response) });
                        }
                    }
                }
                StateProj::Commit { commit, request_session, response } => {
                    let Outcome { marks, result } = ready!(Pin::new(commit).poll(cx));
                    let mut response = match (result, response.take()) {
                        (Ok(()), Some(response)) => response,
                        (result, response) => {
                            let error = result.err().unwrap_or(SessionError::Aborted);
                            request_session.shared().report_failure(&error);
                            instead_of(
                                response.as_ref(),
                                &error,
                                request_session.shared().statuses(),
                                error_response,
                            )
                        }
                    };
                    mark(&mut response, marks, request_session.shared().cache_control());
                    return Poll::Ready(Ok(response));
                }
                StateProj::Nested { handler } => return handler.poll(cx),
            }
        }
    }
}

/// Records a panic that unwinds through the layer, also if the handler has moved its session to a task.
struct NotePanic<'e, T: SessionData>(&'e RequestSession<T>);

impl<T: SessionData> Drop for NotePanic<'_, T> {
    fn drop(&mut self) {
        self.0.note_panic();
    }
}

impl<F, T: SessionData, B, E> fmt::Debug for ResponseFuture<F, T, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
