//! The routes that come with the library.

mod health;
mod logout;
mod origin;

use std::fmt;
use std::marker::PhantomData;

use axum::Router;

pub use self::logout::{LocalPath, NotALocalPath};
pub use self::origin::{InvalidOrigin, Origin};
use crate::{Runtime, SessionData};

/// `/health`, `/health/live`, `/health/ready` and `POST /logout`, to merge into the application's router.
///
/// ```
/// # use handstamp::{Config, Routes, Runtime, SessionLayer};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { visits: u64 }
/// # impl handstamp::SessionData for UserSession {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = Runtime::start(Config::new()).await?;
/// let routes = Routes::<UserSession>::new(&runtime).health_at("/healthz").after_logout("/".parse()?);
/// let app: axum::Router =
///     axum::Router::new().merge(routes).layer(SessionLayer::<UserSession>::new(&runtime));
/// # Ok(())
/// # }
/// ```
///
/// | Route | Answers |
/// |---|---|
/// | `GET /health` | 200 when the store can be reached and takes writes, and the coordinator runs, else 503; see below |
/// | `GET /health/live` | 200 as long as the process serves |
/// | `GET /health/ready` | 200, but 503 in an outage that the [policy](crate::Outage) does not cover, as long as the store has never taken writes, and from [`Runtime::drain`] on |
/// | `POST /logout` | 204, or 303 to a path of yours; 503 when the session could not be ended; 403 across origins |
///
/// `/health` says `{"status": "ok", "redis": true, "coordinator_running": true, "cache_size": 7}`, with the status
/// `degraded` when only the coordinator is down, so that every read asks the store, and `unhealthy` when the
/// store cannot be reached or rejects writes. It is `degraded` with 200 when the clocks of this node and of the store differ by
/// five seconds or more, when the store does not tell its time, and when a session was loaded within the last minute that is sealed under a
/// secret that this node does not have. The log names the cause. No health route asks the store, so they may be probed as often as you like. Restart
/// a process on `/health/live` only: a Redis that is away does not come back by restarting everything else.
///
/// The logout route has to lie behind the [`SessionLayer`](crate::SessionLayer) of the same type.
#[must_use]
pub struct Routes<T> {
    runtime: Runtime,
    health: Option<String>,
    logout: String,
    after_logout: Option<LocalPath>,
    trusted_origins: Vec<Origin>,
    data: PhantomData<fn() -> T>,
}

impl<T: SessionData> Routes<T> {
    /// The routes at their usual paths.
    pub fn new(runtime: &Runtime) -> Self {
        Self {
            runtime: runtime.clone(),
            health: Some("/health".to_owned()),
            logout: "/logout".to_owned(),
            after_logout: None,
            trusted_origins: runtime.trusted_origins().to_vec(),
            data: PhantomData,
        }
    }

    /// Moves the health routes to `path`, and to `/live` and `/ready` below it. A path begins with `/` and does
    /// not end with it.
    pub fn health_at(mut self, path: impl Into<String>) -> Self {
        self.health = Some(path.into());
        self
    }

    /// Leaves the health routes out: for a second type of session on one router, which needs a logout of its own only.
    pub fn without_health(mut self) -> Self {
        self.health = None;
        self
    }

    /// Moves the logout route to `path`, which begins with `/`.
    pub fn logout_at(mut self, path: impl Into<String>) -> Self {
        self.logout = path.into();
        self
    }

    /// Sends browsers on to `path` after a logout, with 303, instead of answering 204.
    pub fn after_logout(mut self, path: LocalPath) -> Self {
        self.after_logout = Some(path);
        self
    }

    /// Lets pages of `origin` log visitors out too, besides the origins in `SESSION_TRUSTED_ORIGINS`. Can be called several
    /// times. Default: only pages of the site that the request is sent to.
    ///
    /// Needed where a proxy rewrites `Host`, so that it differs from the origin that visitors see, and where the pages
    /// come from another host than the API.
    ///
    /// ```
    /// # use handstamp::{Config, Routes, Runtime};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Deserialize, Serialize)]
    /// # struct UserSession { visits: u64 }
    /// # impl handstamp::SessionData for UserSession {}
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = Runtime::start(Config::new()).await?;
    /// let routes = Routes::<UserSession>::new(&runtime).trusted_origin("https://shop.example".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trusted_origin(mut self, origin: Origin) -> Self {
        self.trusted_origins.push(origin);
        self
    }
}

impl<T: SessionData, S: Clone + Send + Sync + 'static> From<Routes<T>> for Router<S> {
    fn from(routes: Routes<T>) -> Self {
        let Routes { runtime, health, logout, after_logout, trusted_origins, .. } = routes;
        let health = health.map_or_else(Router::new, |path| health::routes(runtime, &path));
        health.route(&logout, logout::route::<T, S>(after_logout, &trusted_origins))
    }
}

impl<T> fmt::Debug for Routes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("health", &self.health)
            .field("logout", &self.logout)
            .field("after_logout", &self.after_logout)
            .field("trusted_origins", &self.trusted_origins)
            .finish_non_exhaustive()
    }
}
