mod cookie;
mod future;
mod keep_alive;
pub(crate) mod respond;
mod service;
mod shared;

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use tower_layer::Layer;

pub use self::cookie::{InvalidCookieName, SameSite};
pub use self::future::ResponseFuture;
pub use self::respond::CacheControl;
pub use self::service::SessionService;
pub(crate) use self::shared::Shared;
use crate::{OutagePolicy, SessionData, Sessions};

/// Gives every request behind it a [`Session<T>`](crate::Session).
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
/// extracted. After the handler it carries out what the handler wanted of the session, whatever its status:
///
/// - A change is saved before the answer leaves. If the store fails, the answer is 503 instead of the
///   handler's; if the session was ended meanwhile, 401 (see [`gone_status`](Self::gone_status)); if it has moved to another id meanwhile, or other
///   requests kept changing it, 409 (see [`conflict_status`](Self::conflict_status)).
/// - Responses of handlers that looked at the session carry `Vary: Cookie`. If the session existed, they carry
///   [`Cache-Control: private, no-cache`](Self::cache_control) too, unless the handler has set a `Cache-Control`.
/// - Responses that set or remove the cookie carry `Cache-Control: no-store`. Headers that caches obey instead (`Expires`,
///   `Pragma`, `Surrogate-Control`, `CDN-Cache-Control` and others) are removed.
/// - A response to a request that [ended](crate::Session::destroy) the session carries `Clear-Site-Data: "cache"`, unless
///   the handler has set a `Clear-Site-Data`.
/// - A response in place of the handler's keeps the headers of CORS: `Access-Control-*` and `Vary`.
///
/// Several layers can stand on one router if each has its own [`cookie_name`](Self::cookie_name), and its own `T`: of layers with
/// the same `T`, extractors take the session of the innermost one. A layer inside of another for the same sessions, such as on a
/// nested router, takes the session of the outer one.
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
///     .layer(CatchPanicLayer::new());                         // and all that does not: after it
/// # Ok(())
/// # }
/// ```
///
/// - **Middleware that uses the session** comes before the layer, like the routes.
/// - **Timeouts** come after it. One that gives up a handler keeps nothing of its changes; one that gives up a commit which has
///   begun does not stop it, so that its outcome is unknown to the client. A timeout before the layer makes a response of a
///   handler that was cut off half-way, and what it had changed by then is saved.
/// - **What catches panics** comes after it, too: a panic that passes through the layer keeps nothing. Caught before the layer,
///   it is recognized when it drops a [`Session`](crate::Session) and the response has a status of 500 or more; but not if the
///   handler had given its session away. Middleware that has to stand there marks its responses with
///   [`DiscardSession`](crate::DiscardSession).
/// - **CORS, compression and tracing** come after it, so that they cover the layer's own responses: 401, 409 and 503.
pub struct SessionLayer<T: SessionData> {
    shared: Arc<Shared<T>>,
}

impl<T: SessionData> SessionLayer<T> {
    /// A layer on these sessions, with the cookie `__Host-id`. Over plain http
    /// ([`session_insecure_plain_http`](crate::Config::session_insecure_plain_http)) it is `<namespace>-id`.
    #[must_use]
    pub fn new(sessions: &Sessions) -> Self {
        Self { shared: Arc::new(Shared::new(sessions.clone())) }
    }

    /// Calls the cookie `__Host-<name>`; over plain http `<namespace>-<name>`, with `~` for `:`. Default: `id`.
    ///
    /// # Errors
    ///
    /// Unless the name is 1 to 64 letters, digits, `_` or `-`, without a prefix of its own.
    pub fn cookie_name(mut self, name: &str) -> Result<Self, InvalidCookieName> {
        self.shared_mut().set_cookie_name(name)?;
        Ok(self)
    }

    /// Whether the browser sends the cookie along when another site leads here. Default: [`SameSite::Lax`].
    ///
    /// Over plain http ([`session_insecure_plain_http`](crate::Config::session_insecure_plain_http)) browsers reject
    /// [`SameSite::None`]. The cookie is then sent with `SameSite=Lax`, and a warning says so.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.shared_mut().set_same_site(same_site);
        self
    }

    /// Has browsers keep one cookie, and with it one session, for each site that embeds this one: `Partitioned`, together
    /// with [`SameSite::None`], which embedded pages need. A [`same_site`](Self::same_site) that follows takes this
    /// back. Default: one cookie for all.
    ///
    /// Over plain http browsers reject it. The cookie is then sent with `SameSite=Lax`, and a warning says so.
    #[must_use]
    pub fn partitioned(mut self) -> Self {
        self.shared_mut().set_partitioned();
        self
    }

    /// Has browsers keep the cookie when they are closed, until the session's absolute lifetime
    /// ([`session_lifetime`](crate::Config::session_lifetime)) is over, for at most 400 days: `Max-Age`. The idle timeout
    /// ends the session all the same. Default: the cookie goes when the browser is closed.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.shared_mut().set_persistent();
        self
    }

    /// The `Cache-Control` of responses whose handlers saw an existing session and set none themselves. Default: [`CacheControl::Revalidate`].
    #[must_use]
    pub fn cache_control(mut self, cache_control: CacheControl) -> Self {
        self.shared_mut().set_cache_control(cache_control);
        self
    }

    /// The status of the answer when the session was ended while a request was changing it, so that what the
    /// handler says was done is not. Default: 401.
    #[must_use]
    pub fn gone_status(mut self, status: StatusCode) -> Self {
        self.shared_mut().set_gone_status(status);
        self
    }

    /// The status of the answer when other requests kept changing the session until the save budget was used up.
    /// Nothing was changed then, and the answer says when to try again. Default: 409; 503 is the other usual choice.
    ///
    /// It is also the status where the session has moved to another id before it could be changed, with a login for example. The browser
    /// has the cookie of that id, or is about to get it, so a second attempt may succeed.
    #[must_use]
    pub fn conflict_status(mut self, status: StatusCode) -> Self {
        self.shared_mut().set_conflict_status(status);
        self
    }

    /// What to do about reads while the store cannot be reached. Default: what `SESSION_OUTAGE` says.
    #[must_use]
    pub fn outage(mut self, outage: OutagePolicy) -> Self {
        self.shared_mut().set_outage(outage);
        self
    }

    /// Of requests that change a session at the same time, lets the last one replace what the others have saved, instead
    /// of making its changes again on that. **This loses updates**: it is for data that is always written as a whole.
    #[must_use]
    pub fn last_writer_wins(mut self) -> Self {
        self.shared_mut().set_last_writer_wins();
        self
    }

    fn shared_mut(&mut self) -> &mut Shared<T> {
        Arc::make_mut(&mut self.shared)
    }
}

impl<T: SessionData, S> Layer<S> for SessionLayer<T> {
    type Service = SessionService<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        self.shared.claim_cookie();
        SessionService::new(inner, self.shared.clone())
    }
}

impl<T: SessionData> Clone for SessionLayer<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T: SessionData> fmt::Debug for SessionLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").field("cookie", self.shared.cookie()).finish_non_exhaustive()
    }
}
