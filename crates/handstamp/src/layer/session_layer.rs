use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use tower_layer::Layer;

use super::{CacheControl, DefaultErrorResponse, InvalidCookieName, SameSite, SessionService, Shared};
use crate::{OutagePolicy, SessionData, Sessions};

/// Provides the [`Session<T>`](crate::Session) of every request.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use handstamp::{Config, Sessions, Session, SessionLayer};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { visits: u64 }
/// # impl handstamp::SessionData for UserSession {}
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::start(Config::from_env()).await?;
/// let app: Router = Router::new()
///     .route("/", get(|session: Session<UserSession>| async move { session.get().visits.to_string() }))
///     .layer(SessionLayer::<UserSession>::new(&sessions));
/// # Ok(())
/// # }
/// ```
///
/// The layer verifies the cookie of every request, which takes no I/O; the session is loaded when it is
/// extracted. After the handler it saves what the handler has changed, whatever the status of the response:
///
/// - A change is saved before the response is sent. If the store fails, the client gets 503 instead of the handler's response; if the
///   session has ended in the meantime, 401 (see [`gone_status`](Self::gone_status)); if it has moved to another id, or other requests kept
///   changing it, 409 (see [`conflict_status`](Self::conflict_status)). [`error_response`](Self::error_response) gives these responses a
///   body.
/// - Responses of handlers that extracted the session carry `Vary: Cookie`. If the session existed, they carry
///   [`Cache-Control: private, no-cache`](Self::cache_control) too, unless the handler has set a `Cache-Control`.
/// - Responses that set or remove the cookie carry `Cache-Control: no-store`. Headers that caches obey instead (`Expires`,
///   `Pragma`, `Surrogate-Control`, `CDN-Cache-Control` and others) are removed.
/// - A response to a request that [ended](crate::Session::destroy) the session carries `Clear-Site-Data: "cache"`, unless
///   the handler has set a `Clear-Site-Data`.
/// - A response in place of the handler's keeps the headers of CORS: `Access-Control-*` and `Vary`.
///
/// Several layers can be on one router if each has its own [`cookie_name`](Self::cookie_name), and its own `T`: of layers with
/// the same `T`, extractors take the session of the innermost one. A layer inside another layer for the same sessions, such as on a
/// nested router, uses the session of the outer one.
///
/// # Where it belongs
///
/// A layer of a router covers the routes that were added before it, so it comes after them:
///
/// ```
/// # use std::time::Duration;
/// # use axum::http::StatusCode;
/// # use axum::{Router, routing::get};
/// # use handstamp::{Config, Sessions, Session, SessionLayer};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { visits: u64 }
/// # impl handstamp::SessionData for UserSession {}
/// # async fn require_login(session: Session<UserSession>, request: axum::extract::Request, next: axum::middleware::Next)
/// #     -> axum::response::Response { next.run(request).await }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let sessions = Sessions::start(Config::new()).await?;
/// use tower_http::catch_panic::CatchPanicLayer;
///
/// let app: Router = Router::new()
///     .route("/", get(|session: Session<UserSession>| async move { session.get().visits.to_string() }))
///     .layer(axum::middleware::from_fn(require_login))        // uses the session: before the layer
///     .layer(SessionLayer::<UserSession>::new(&sessions))
///     .layer(CatchPanicLayer::new());                         // all other middleware: after it
/// # Ok(())
/// # }
/// ```
///
/// - **Middleware that uses the session** comes before the layer, like the routes.
/// - **Timeouts** come after it. A timeout during the handler discards its changes; one during the commit does not stop the commit, so
///   that its outcome is unknown to the client. A timeout before the layer responds for a handler that was stopped half-way, and what the
///   handler had changed by then is saved.
/// - **Middleware that catches panics** comes after it, too: a panic that unwinds through the layer discards all changes. Caught before
///   the layer, it is recognized when it drops a [`Session`](crate::Session) and the response has a status of 500 or more; but not if the
///   handler has moved its session to a task. Middleware that has to come before the layer marks its responses with
///   [`DiscardSession`](crate::DiscardSession).
/// - **CORS, compression and tracing** come after it, so that they cover the layer's own responses: 401, 409 and 503.
///
/// Around a whole router, `SessionLayer::new(&sessions).layer(router)`, it is faster than with `Router::layer`, which boxes the service
/// of each route once more.
pub struct SessionLayer<T, E = DefaultErrorResponse> {
    shared: Arc<Shared<T>>,
    error_response: E,
}

impl<T: SessionData> SessionLayer<T> {
    /// A layer on these sessions, with the cookie `__Host-id`. Over plain http
    /// ([`session_insecure_plain_http`](crate::Config::session_insecure_plain_http)) it is `<namespace>-id`.
    #[must_use]
    pub fn new(sessions: &Sessions) -> Self {
        Self { shared: Arc::new(Shared::new(sessions.clone())), error_response: DefaultErrorResponse }
    }
}

impl<T: SessionData, E> SessionLayer<T, E> {
    /// Makes the responses to requests whose session cannot be loaded or saved: error pages, or JSON. Default: no body.
    ///
    /// It is a function, or a closure `|error: &SessionError|` with that type annotation, which returns a response with the body of the
    /// service's responses: see [`ErrorResponse`](crate::ErrorResponse). It is `Clone`, and `Send` and `Sync` where the service has to be. It is
    /// cloned for each request, so a closure with large captures should hold them in an [`Arc`].
    ///
    /// ```
    /// use axum::body::Body;
    /// use axum::response::{Html, IntoResponse, Response};
    /// use handstamp::{SessionError, SessionLayer};
    /// # use handstamp::{Config, Sessions};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Deserialize, Serialize)]
    /// # struct UserSession { visits: u64 }
    /// # impl handstamp::SessionData for UserSession {}
    ///
    /// fn error_page(error: &SessionError) -> Response {
    ///     let text = match error {
    ///         SessionError::Gone => "You have been logged out.",
    ///         _ => "Please try again in a moment.",
    ///     };
    ///     Html(format!("<p>{text}</p>")).into_response()
    /// }
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sessions = Sessions::start(Config::new()).await?;
    /// let layer = SessionLayer::<UserSession>::new(&sessions).error_response(error_page);
    /// # let app: axum::Router = axum::Router::new().layer(layer);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It makes the responses
    ///
    /// - that the layer sends in place of the handler's, because the changes of the request could not be saved;
    /// - that a handler returns for a [`SessionError`](crate::SessionError) or a [`SessionRejection`](crate::SessionRejection), as it is or with
    ///   [`to_response`](crate::SessionError::to_response): because the session could not be loaded, or [`commit`](crate::Session::commit)
    ///   failed. A handler that makes a response of its own from the error keeps it.
    ///
    /// To each the layer adds `Cache-Control: no-store`, a `Retry-After` where it helps and there is none, the error in the
    /// [extensions](http::Response::extensions), and, in place of a status of success, that of [`SessionError::status`](crate::SessionError::status),
    /// [`gone_status`](Self::gone_status) or [`conflict_status`](Self::conflict_status). A redirection stays.
    ///
    /// It keeps the headers of the handler's response, except for those that describe its body and those that the error response has. It leaves
    /// a response alone to which middleware inside the layer has given a `Content-Type`.
    ///
    /// Of several layers with different types of sessions, the one whose session has failed makes the response. The response of an error that
    /// no session has returned, such as one that the handler constructs, stays as it is.
    #[must_use]
    pub fn error_response<F>(self, error_response: F) -> SessionLayer<T, F> {
        SessionLayer { shared: self.shared, error_response }
    }

    /// Names the cookie `__Host-<name>`; over plain http `<namespace>-<name>`, with `~` for `:`. Default: `id`.
    ///
    /// The path of the cookie is always `/`, which browsers require of a cookie with the prefix `__Host-`.
    ///
    /// # Errors
    ///
    /// Unless the name is 1 to 64 letters, digits, `_` or `-`, without a prefix of its own.
    pub fn cookie_name(mut self, name: &str) -> Result<Self, InvalidCookieName> {
        self.shared_mut().set_cookie_name(name)?;
        Ok(self)
    }

    /// Whether browsers send the cookie with requests that come from another site. Default: [`SameSite::Lax`].
    ///
    /// Over plain http ([`session_insecure_plain_http`](crate::Config::session_insecure_plain_http)) browsers reject
    /// [`SameSite::None`]. The cookie is then sent with `SameSite=Lax`, and a warning is logged.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.shared_mut().set_same_site(same_site);
        self
    }

    /// Makes browsers keep one cookie, and with it one session, for each site that embeds this one: `Partitioned`, together
    /// with [`SameSite::None`], which embedded pages need. A later [`same_site`](Self::same_site) reverts this. Default: one cookie for all
    /// sites.
    ///
    /// Over plain http browsers reject it. The cookie is then sent with `SameSite=Lax`, and a warning is logged.
    #[must_use]
    pub fn partitioned(mut self) -> Self {
        self.shared_mut().set_partitioned();
        self
    }

    /// Makes browsers keep the cookie when they are closed, until the session's absolute lifetime
    /// ([`session_lifetime`](crate::Config::session_lifetime)) has passed, for at most 400 days: `Max-Age`. The idle timeout
    /// ends the session all the same. Default: the cookie is deleted when the browser is closed.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.shared_mut().set_persistent();
        self
    }

    /// The `Cache-Control` of responses whose handlers extracted an existing session and set no `Cache-Control`. Default: [`CacheControl::Revalidate`].
    #[must_use]
    pub fn cache_control(mut self, cache_control: CacheControl) -> Self {
        self.shared_mut().set_cache_control(cache_control);
        self
    }

    /// The status of the response when the session has ended before a change of the request could be saved, so that the handler's
    /// response would be wrong. Default: 401.
    ///
    /// This and [`conflict_status`](Self::conflict_status) hold for all responses that [`error_response`](Self::error_response) makes, also for
    /// errors that a handler returns, and without an `error_response` for the responses that it would make.
    #[must_use]
    pub fn gone_status(mut self, status: StatusCode) -> Self {
        self.shared_mut().set_gone_status(status);
        self
    }

    /// The status of the response when other requests kept changing the session until the save budget was used up. Nothing was changed
    /// then, and `Retry-After` says when to try again. Default: 409; 503 is the other usual choice.
    ///
    /// It is also the status when the session has moved to another id before it could be changed, with a login for example. The browser
    /// has the cookie of that id, or is about to get it, so a second attempt may succeed.
    #[must_use]
    pub fn conflict_status(mut self, status: StatusCode) -> Self {
        self.shared_mut().set_conflict_status(status);
        self
    }

    /// The response to reads while the store cannot be reached. Default: the value of `SESSION_OUTAGE`.
    #[must_use]
    pub fn outage(mut self, outage: OutagePolicy) -> Self {
        self.shared_mut().set_outage(outage);
        self
    }

    /// Lets the last of several concurrent requests overwrite what the others have saved, instead of replaying its changes on that.
    /// **This loses updates**: it is for data that is always written as a whole.
    #[must_use]
    pub fn last_writer_wins(mut self) -> Self {
        self.shared_mut().set_last_writer_wins();
        self
    }

    #[cfg(feature = "testing")]
    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared<T> {
        Arc::make_mut(&mut self.shared)
    }
}

impl<T: SessionData, E: Clone, S> Layer<S> for SessionLayer<T, E> {
    type Service = SessionService<S, T, E>;

    fn layer(&self, inner: S) -> Self::Service {
        self.shared.claim_cookie();
        SessionService::new(inner, self.shared.clone(), self.error_response.clone())
    }
}

impl<T, E: Clone> Clone for SessionLayer<T, E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), error_response: self.error_response.clone() }
    }
}

impl<T, E> fmt::Debug for SessionLayer<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").field("cookie", &self.shared.cookie).finish_non_exhaustive()
    }
}
