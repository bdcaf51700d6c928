use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use axum_session_app::{SessionNullPool, SessionRedisPool};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

use crate::app::{App, Error};

/// A measured application.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Subject {
    /// The routes without sessions.
    Bare,
    /// handstamp with a store in memory.
    HandstampMemory,
    /// handstamp on Redis.
    HandstampRedis,
    /// tower-sessions with a store in memory.
    TowerSessionsMemory,
    /// tower-sessions with a Moka cache in front of Redis.
    TowerSessionsMoka,
    /// tower-sessions on Redis.
    TowerSessionsRedis,
    /// axum_session without a database: sessions are in its cache.
    AxumSessionMemory,
    /// axum_session on Redis, with its own cache.
    AxumSessionRedis,
    /// The routes without sessions, on actix-web.
    ActixBare,
    /// actix-session on Redis.
    ActixRedis,
}

/// Where a layer is applied.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Placement {
    /// `layer.layer(router)`: once, around the whole router.
    Around,
    /// `router.layer(layer)`: to each route.
    Inside,
}

/// An application that has started.
pub struct Started {
    /// The application.
    pub app: Box<dyn App>,
    /// The node, if it is one of handstamp.
    pub node: Option<handstamp_app::Node>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Subject {
    /// The applications that are Tower services.
    pub const TOWER: [Self; 8] = [
        Self::Bare,
        Self::HandstampMemory,
        Self::HandstampRedis,
        Self::TowerSessionsMemory,
        Self::TowerSessionsMoka,
        Self::TowerSessionsRedis,
        Self::AxumSessionMemory,
        Self::AxumSessionRedis,
    ];

    /// Its name in the reports.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare Axum",
            Self::HandstampMemory => "handstamp, memory",
            Self::HandstampRedis => "handstamp, Redis",
            Self::TowerSessionsMemory => "tower-sessions, memory",
            Self::TowerSessionsMoka => "tower-sessions, Moka + Redis",
            Self::TowerSessionsRedis => "tower-sessions, Redis",
            Self::AxumSessionMemory => "axum_session, memory",
            Self::AxumSessionRedis => "axum_session, Redis",
            Self::ActixBare => "bare actix-web",
            Self::ActixRedis => "actix-session, Redis",
        }
    }

    /// Whether sessions are on Redis.
    #[must_use]
    pub const fn uses_redis(self) -> bool {
        !matches!(
            self,
            Self::Bare
                | Self::ActixBare
                | Self::HandstampMemory
                | Self::TowerSessionsMemory
                | Self::AxumSessionMemory
        )
    }

    /// The name for the command line.
    #[must_use]
    pub fn argument(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Starts it as a Tower service. handstamp keeps sessions in its cache for `cache_ttl`; the caches of the others keep them
    /// until they expire.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, or when it is no Tower service.
    pub async fn start(
        self,
        placement: Placement,
        redis_url: &str,
        cache_ttl: Duration,
    ) -> Result<Started, Error> {
        let mut node = None;
        let app: Box<dyn App> = match self {
            Self::Bare => Box::new(bare::routes().with_state(())),
            Self::HandstampMemory | Self::HandstampRedis => {
                let redis_url = self.uses_redis().then_some(redis_url);
                let started = handstamp_app::Node::start(redis_url, cache_ttl).await?;
                let layer = started.layer();
                node = Some(started);
                place(layer, handstamp_app::routes(), placement)
            }
            Self::TowerSessionsMemory => {
                place(tower_sessions_memory::layer(), tower_sessions_memory::routes(), placement)
            }
            Self::TowerSessionsMoka => {
                let layer = tower_sessions_moka::layer(redis_url).await?;
                place(layer, tower_sessions_redis::routes(), placement)
            }
            Self::TowerSessionsRedis => {
                let layer = tower_sessions_redis::layer(redis_url).await?;
                place(layer, tower_sessions_redis::routes(), placement)
            }
            Self::AxumSessionMemory => {
                let layer = axum_session_app::memory_layer().await?;
                place(layer, axum_session_app::routes::<SessionNullPool>(), placement)
            }
            Self::AxumSessionRedis => {
                let layer = axum_session_app::redis_layer(redis_url).await?;
                place(layer, axum_session_app::routes::<SessionRedisPool>(), placement)
            }
            Self::ActixBare | Self::ActixRedis => {
                return Err(format!("{} is no Tower service", self.label()).into());
            }
        };
        Ok(Started { app, node })
    }
}

/// The router is finished with `with_state(())`, as `axum::serve` does once: otherwise each request would apply the layer again.
fn place<L>(layer: L, routes: Router, placement: Placement) -> Box<dyn App>
where
    L: Layer<Router> + Layer<Route> + Clone + Send + Sync + 'static,
    <L as Layer<Router>>::Service: App + 'static,
    <L as Layer<Route>>::Service: Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    <<L as Layer<Route>>::Service as Service<Request<Body>>>::Response: IntoResponse + 'static,
    <<L as Layer<Route>>::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    match placement {
        Placement::Around => Box::new(layer.layer(routes.with_state(()))),
        Placement::Inside => Box::new(routes.layer(layer).with_state(())),
    }
}
