use std::fmt;
use std::sync::Arc;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Response};

use super::cookie::cookie_for;
use super::sessions;
use crate::layer::Shared;
use crate::layer::respond::Marks;
use crate::session::{Finish, Outcome, RequestSession, Use};
use crate::{Session, SessionData, SessionError, SessionKey};

/// A request without a router, for unit tests of handlers. It has a node of its own, in memory.
#[must_use]
pub struct TestRequest<T: SessionData> {
    request_session: Arc<RequestSession<T>>,
    key: Option<SessionKey>,
}

impl<T: SessionData> TestRequest<T> {
    /// A request of a visitor without a session.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn anonymous() -> Self {
        let shared = Arc::new(Shared::new(sessions().await));
        Self::start(shared, HeaderMap::new()).await
    }

    /// A request of a visitor whose session has this data.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, and when the data cannot be stored.
    #[expect(clippy::expect_used, reason = "a test cannot go on")]
    pub async fn with_session(data: T) -> Self {
        let shared = Arc::new(Shared::new(sessions().await));
        let cookie = cookie_for(&shared, data).await.expect("the session can be stored");
        Self::start(shared, HeaderMap::from_iter([(COOKIE, cookie)])).await
    }

    /// The session, as a handler extracts it.
    #[must_use]
    pub fn session(&self) -> Session<T> {
        Session::of(self.request_session.clone())
    }

    /// Saves the session, as [`SessionLayer`](crate::SessionLayer) does when the handler has responded.
    pub async fn finish(self) -> TestOutcome<T> {
        let (marks, result) = match self.request_session.finish(&Response::new(())) {
            Finish::Untouched => (Marks::default(), Ok(())),
            Finish::Done(marks) => (marks, Ok(())),
            Finish::Commit => {
                let Outcome { marks, result } = self.request_session.clone().commit_rest().await;
                (marks, result)
            }
        };
        let session = self.session();
        let key = session.key();
        TestOutcome {
            result,
            data: key.map(|_| session.get()),
            renewed: !marks.ended && self.key.is_some() && key.is_some() && key != self.key,
            ended: marks.ended,
            set_cookie: marks.cookie,
        }
    }

    #[expect(clippy::expect_used, reason = "a test cannot go on")]
    async fn start(shared: Arc<Shared<T>>, headers: HeaderMap) -> Self {
        let presented = shared.cookie().find(headers.get_all(COOKIE).iter());
        let request_session = Arc::new(RequestSession::new(shared, presented, false, None));
        request_session.load(Use::Counts).await.expect("the session can be loaded");
        let key = Session::of(request_session.clone()).key();
        Self { request_session, key }
    }
}

/// The effects of a handler on its session.
#[must_use]
#[non_exhaustive]
pub struct TestOutcome<T> {
    /// Whether the session was saved. The client gets an error response otherwise.
    pub result: Result<(), SessionError>,
    /// The data of the stored session; `None` if there is no session.
    pub data: Option<Arc<T>>,
    /// Whether the session has got a new id, as with a login.
    pub renewed: bool,
    /// Whether the session of the request has ended, as with a logout. If the handler has changed data after that, there is a new session.
    pub ended: bool,
    /// The header `Set-Cookie` of the response.
    pub set_cookie: Option<HeaderValue>,
}

impl<T: SessionData> fmt::Debug for TestRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for TestOutcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestOutcome")
            .field("result", &self.result)
            .field("renewed", &self.renewed)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
