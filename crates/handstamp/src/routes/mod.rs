//! The routes of the library.

mod health;
mod logout;

use std::fmt;
use std::marker::PhantomData;

use axum::Router;

pub use self::logout::{InvalidLocalPath, LocalPath};
use crate::{Origin, SessionData, Sessions};

/// `/health`, `/health/live`, `/health/ready` and `POST /logout`, to merge into the application's router.
///
/// ```
/// # use handstamp::{Config, SessionRoutes, Sessions, SessionLayer};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { visits: u64 }
/// # impl handstamp::SessionData for UserSession {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let sessions = Sessions::start(Config::new()).await?;
/// let routes = SessionRoutes::<UserSession>::new(&sessions).health_path("/healthz").redirect_after_logout("/".parse()?);
/// let app: axum::Router =
///     axum::Router::new().merge(routes).layer(SessionLayer::<UserSession>::new(&sessions));
/// # Ok(())
/// # }
/// ```
///
/// | Route | Response |
/// |---|---|
/// | `GET /health` | 200 if the store can be reached and accepts writes, and the coordinator runs, else 503; see below |
/// | `GET /health/live` | 200 as long as the process serves |
/// | `GET /health/ready` | 200, but 503 in an outage that the [policy](crate::OutagePolicy) does not cover, as long as the store has never accepted a write, and after [`Sessions::drain`] |
/// | `POST /logout` | 204, or 303 to a path of the application; 503 if the session could not be ended; 403 for requests from other origins |
///
/// The body of `/health` is `{"status": "ok", "redis": true, "coordinator_running": true, "cache_size": 7}`. The status is `degraded` if only the
/// coordinator is down, so that every read goes to the store, and `unhealthy` if the store cannot be reached or rejects writes. It is `degraded`
/// with 200 if the clocks of this node and of the store differ by five seconds or more, if the time of the store is not known, and if a session
/// was loaded within the last minute that is sealed under a secret which this node does not have. The cause is logged. The health routes do not
/// query the store, so they may be probed as often as needed. Restart a process on `/health/live` only: restarting nodes does not end an outage
/// of Redis.
///
/// The logout route must be behind the [`SessionLayer`](crate::SessionLayer) of the same type.
#[must_use]
pub struct SessionRoutes<T> {
    sessions: Sessions,
    health: Option<String>,
    logout: String,
    redirect_after_logout: Option<LocalPath>,
    trusted_origins: Vec<Origin>,
    data: PhantomData<fn() -> T>,
}

impl<T: SessionData> SessionRoutes<T> {
    /// The routes at their default paths.
    pub fn new(sessions: &Sessions) -> Self {
        Self {
            sessions: sessions.clone(),
            health: Some("/health".to_owned()),
            logout: "/logout".to_owned(),
            redirect_after_logout: None,
            trusted_origins: sessions.trusted_origins().to_vec(),
            data: PhantomData,
        }
    }

    /// Moves the health routes to `path`, and to `/live` and `/ready` below it. A path begins with `/` and does
    /// not end with it.
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        self.health = Some(path.into());
        self
    }

    /// Leaves out the health routes: for a second type of session on one router, which only needs a logout of its own.
    pub fn without_health(mut self) -> Self {
        self.health = None;
        self
    }

    /// Moves the logout route to `path`, which begins with `/`.
    pub fn logout_path(mut self, path: impl Into<String>) -> Self {
        self.logout = path.into();
        self
    }

    /// Redirects browsers to `path` after a logout, with 303 instead of 204.
    pub fn redirect_after_logout(mut self, path: LocalPath) -> Self {
        self.redirect_after_logout = Some(path);
        self
    }

    /// Allows pages of `origin` to log visitors out, in addition to the origins in `SESSION_TRUSTED_ORIGINS`. Can be called several times.
    /// Default: only pages of the site that the request is sent to.
    ///
    /// This is needed if a proxy rewrites `Host`, so that it differs from the origin that visitors see, and if the pages come from another host
    /// than the API.
    ///
    /// ```
    /// # use handstamp::{Config, SessionRoutes, Sessions};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Deserialize, Serialize)]
    /// # struct UserSession { visits: u64 }
    /// # impl handstamp::SessionData for UserSession {}
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sessions = Sessions::start(Config::new()).await?;
    /// let routes = SessionRoutes::<UserSession>::new(&sessions).trusted_origin("https://shop.example".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trusted_origin(mut self, origin: Origin) -> Self {
        self.trusted_origins.push(origin);
        self
    }
}

impl<T: SessionData, S: Clone + Send + Sync + 'static> From<SessionRoutes<T>> for Router<S> {
    fn from(routes: SessionRoutes<T>) -> Self {
        let SessionRoutes { sessions, health, logout, redirect_after_logout, trusted_origins, .. } = routes;
        let health = health.map_or_else(Router::new, |path| health::routes(sessions, &path));
        health.route(&logout, logout::route::<T, S>(redirect_after_logout, &trusted_origins))
    }
}

impl<T> fmt::Debug for SessionRoutes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRoutes")
            .field("health", &self.health)
            .field("logout", &self.logout)
            .field("redirect_after_logout", &self.redirect_after_logout)
            .field("trusted_origins", &self.trusted_origins)
            .finish_non_exhaustive()
    }
}
