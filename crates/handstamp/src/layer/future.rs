use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use super::keep_alive::KeepAlive;
use super::respond::{self, Marks};
use crate::session::{Finish, Outcome, RequestSession};
use crate::{SessionData, SessionError};

pin_project! {
    /// The answer of a [`SessionService`](super::SessionService).
    ///
    /// # Cancel safety
    ///
    /// Dropped before the handler has answered, this drops the handler, and nothing is kept of what it did to
    /// the session. Dropped later, the session is still written: a commit that has begun is finished.
    ///
    /// A task that has a [`Session`](crate::Session) of the request can commit the handler's changes after that, unless the
    /// handler has panicked, or the session was changed elsewhere in the meantime: their closures have been dropped, and cannot run
    /// again. It can neither create nor renew a session, since the browser would not get the cookie.
    pub struct ResponseFuture<F, T: SessionData, B> {
        #[pin]
        state: State<F, T, B>,
    }

    impl<F, T: SessionData, B> PinnedDrop for ResponseFuture<F, T, B> {
        fn drop(this: Pin<&mut Self>) {
            if let StateProj::Handle { exchange, .. } = this.project().state.project() {
                exchange.abandon();
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, T: SessionData, B> {
        // ## Handle => Commit   when the store has to be written to
        // ## Handle => done     otherwise: all that is read goes this way
        Handle { #[pin] handler: F, exchange: Arc<RequestSession<T>>, keep_alive: KeepAlive },
        // ## Commit => done     with the handler's response, or an error in its place
        Commit { commit: JoinHandle<Outcome>, exchange: Arc<RequestSession<T>>, response: Option<Response<B>> },
        // ## Nested => done     the layer further out does the rest
        Nested { #[pin] handler: F },
    }
}

impl<F, T: SessionData, B> ResponseFuture<F, T, B> {
    pub(super) fn new(handler: F, exchange: Arc<RequestSession<T>>) -> Self {
        Self { state: State::Handle { handler, exchange, keep_alive: KeepAlive::default() } }
    }

    /// For a layer inside of another for the same session.
    pub(super) fn nested(handler: F) -> Self {
        Self { state: State::Nested { handler } }
    }
}

impl<F, T, B, E> Future for ResponseFuture<F, T, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    T: SessionData,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Handle { handler, exchange, keep_alive } => {
                    let passing = NotePanic(exchange);
                    let response = handler.poll(cx);
                    drop(passing);
                    let Poll::Ready(response) = response else {
                        keep_alive.poll(exchange, cx);
                        return Poll::Pending;
                    };
                    let mut response = response?;
                    match exchange.finish(&response) {
                        Finish::Untouched => return Poll::Ready(Ok(response)),
                        Finish::Done(marks) => {
                            respond::mark(&mut response, marks, exchange.shared().cache_control());
                            return Poll::Ready(Ok(response));
                        }
                        Finish::Commit => {
                            let commit = exchange.shared().spawn(exchange.clone().commit_rest());
                            let exchange = exchange.clone();
                            state.set(State::Commit { commit, exchange, response: Some(response) });
                        }
                    }
                }
                StateProj::Commit { commit, exchange, response } => {
                    let Outcome { marks, result } = ready!(Pin::new(commit).poll(cx)).unwrap_or_else(|_| {
                        Outcome { marks: Marks::default(), result: Err(SessionError::Aborted) }
                    });
                    let response = response.take().unwrap_or_default();
                    let mut response = match result {
                        Ok(()) => response,
                        Err(error) => {
                            exchange.shared().report_failure(&error);
                            respond::instead_of(&response, error, exchange.shared().statuses())
                        }
                    };
                    respond::mark(&mut response, marks, exchange.shared().cache_control());
                    return Poll::Ready(Ok(response));
                }
                StateProj::Nested { handler } => return handler.poll(cx),
            }
        }
    }
}

/// Notes a panic that passes through the layer, also if the handler has given its session away.
struct NotePanic<'e, T: SessionData>(&'e RequestSession<T>);

impl<T: SessionData> Drop for NotePanic<'_, T> {
    fn drop(&mut self) {
        self.0.note_panic();
    }
}

impl<F, T: SessionData, B> fmt::Debug for ResponseFuture<F, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
