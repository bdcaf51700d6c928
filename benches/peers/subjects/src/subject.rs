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
use handstamp_app::{Driver, Node, Settings};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

use crate::app::{App, Error};
use crate::requests::Case;

/// A measured application.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Subject {
    /// The routes without sessions.
    Bare,
    /// The same, with a plain `SET` by fred for each write.
    PlainSetFred,
    /// The same, with a plain `SET` by redis-rs for each write.
    PlainSetRedisRs,
    /// handstamp with a store in memory.
    HandstampMemory,
    /// handstamp on Redis, with its default driver.
    HandstampRedis,
    /// handstamp on Redis, with the driver on redis-rs.
    HandstampRedisRs,
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

/// How an application is started.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Where its layer is applied.
    pub placement: Placement,
    /// The server for those that use Redis.
    pub redis_url: String,
    /// How long handstamp keeps sessions in its cache. The caches of the others keep them until they expire.
    pub cache_ttl: Duration,
    /// The namespace of handstamp: its nodes share the sessions and the invalidations of a namespace.
    pub namespace: String,
    /// The name of the node of handstamp.
    pub node_id: String,
}

impl Instance {
    /// One with the defaults of handstamp, around the router.
    #[must_use]
    pub fn new(redis_url: &str) -> Self {
        Self {
            placement: Placement::Around,
            redis_url: redis_url.to_owned(),
            cache_ttl: Settings::default().cache_ttl,
            namespace: "handstamp".to_owned(),
            node_id: "node-1".to_owned(),
        }
    }
}

/// An application that has started.
pub struct Started {
    /// The application.
    pub app: Box<dyn App>,
    /// The node, if it is one of handstamp.
    pub node: Option<Node>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Subject {
    /// The applications that are Tower services.
    pub const TOWER: [Self; 11] = [
        Self::Bare,
        Self::HandstampMemory,
        Self::HandstampRedis,
        Self::HandstampRedisRs,
        // These send the bytes of a record of handstamp.
        Self::PlainSetFred,
        Self::PlainSetRedisRs,
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
            Self::PlainSetFred => "plain SET by fred",
            Self::PlainSetRedisRs => "plain SET by redis-rs",
            Self::HandstampMemory => "handstamp, memory",
            Self::HandstampRedis => "handstamp, Redis",
            Self::HandstampRedisRs => "handstamp, Redis by redis-rs",
            Self::TowerSessionsMemory => "tower-sessions, memory",
            Self::TowerSessionsMoka => "tower-sessions, Moka + Redis",
            Self::TowerSessionsRedis => "tower-sessions, Redis",
            Self::AxumSessionMemory => "axum_session, memory",
            Self::AxumSessionRedis => "axum_session, Redis",
            Self::ActixBare => "bare actix-web",
            Self::ActixRedis => "actix-session, Redis",
        }
    }

    /// Whether it writes to Redis.
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

    /// Whether it has sessions, so that all of the requests are of interest, and not only writes.
    #[must_use]
    pub const fn has_sessions(self) -> bool {
        !matches!(self, Self::Bare | Self::ActixBare | Self::PlainSetFred | Self::PlainSetRedisRs)
    }

    /// Whether it is measured in this case.
    #[must_use]
    pub fn measured_in(self, case: &Case) -> bool {
        self.has_sessions() || self == Self::Bare || case.path == "/write"
    }

    /// The name for the command line.
    #[must_use]
    pub fn argument(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Starts it as a Tower service.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, or when it is no Tower service.
    pub async fn start(self, instance: &Instance) -> Result<Started, Error> {
        let Instance { placement, redis_url, .. } = instance;
        let placement = *placement;
        let mut node = None;
        let app: Box<dyn App> = match self {
            Self::Bare => Box::new(bare::routes().with_state(())),
            Self::PlainSetFred => Box::new(plain_set::with_fred(redis_url).await?.with_state(())),
            Self::PlainSetRedisRs => Box::new(plain_set::with_redis_rs(redis_url).await?.with_state(())),
            Self::HandstampMemory | Self::HandstampRedis | Self::HandstampRedisRs => {
                let started = Node::start(&self.settings(instance)).await?;
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

    fn settings(self, instance: &Instance) -> Settings {
        Settings {
            redis_url: self.uses_redis().then(|| instance.redis_url.clone()),
            driver: if self == Self::HandstampRedisRs { Driver::RedisRs } else { Driver::default() },
            cache_ttl: instance.cache_ttl,
            namespace: instance.namespace.clone(),
            node_id: instance.node_id.clone(),
            ..Settings::default()
        }
    }
}

/// handstamp on this node, around the router.
#[must_use]
pub fn around(node: &Node) -> Box<dyn App> {
    place(node.layer(), handstamp_app::routes(), Placement::Around)
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
