//! The measured routes with handstamp.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bare::{USER_ID, USER_NAME};
use handstamp::store::{Bus, Store};
use handstamp::{Config, ConfigError, Session, SessionData, SessionLayer, Sessions};
use serde::{Deserialize, Serialize};

pub use handstamp::{Driver, InvalidationTransport};

/// The data of a session.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct User {
    id: u64,
    name: String,
    count: u64,
}

impl SessionData for User {}

/// How a node is started. Its cache has room for all sessions of a measurement.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Redis; without it, sessions are in memory.
    pub redis_url: Option<String>,
    /// The client of Redis.
    pub driver: Driver,
    /// How invalidations reach other nodes.
    pub invalidation: InvalidationTransport,
    /// How long the local cache keeps a session.
    pub cache_ttl: Duration,
    /// The idle timeout.
    pub idle_timeout: Duration,
    /// The name of the node. Nodes that share sessions need different ones.
    pub node_id: String,
    /// The namespace.
    pub namespace: String,
    /// The channel of invalidations, if it is not that of the namespace.
    pub channel: Option<String>,
}

impl Default for Settings {
    /// In memory, with the defaults of handstamp.
    fn default() -> Self {
        Self {
            redis_url: None,
            driver: Driver::default(),
            invalidation: InvalidationTransport::default(),
            cache_ttl: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(3_600),
            node_id: "node-1".to_owned(),
            namespace: "handstamp".to_owned(),
            channel: None,
        }
    }
}

impl Settings {
    /// On Redis, with the defaults of handstamp.
    #[must_use]
    pub fn on_redis(url: &str) -> Self {
        Self { redis_url: Some(url.to_owned()), ..Self::default() }
    }

    fn config(&self) -> Config {
        let redis_url = self.redis_url.clone();
        let config = Config::from_vars(|name| redis_url.clone().filter(|_| name == "REDIS_URL"))
            .session_secret(SECRET)
            .session_insecure_plain_http(true)
            .session_timeout(self.idle_timeout)
            .session_namespace(&self.namespace)
            .node_id(&self.node_id)
            .local_cache_ttl(self.cache_ttl)
            .local_cache_max_size(2_000_000)
            .local_cache_max_bytes(8 << 30);
        match &self.channel {
            Some(channel) => config.session_channel(channel),
            None => config,
        }
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node(Sessions);

impl Node {
    /// Starts a node.
    ///
    /// # Errors
    ///
    /// When the settings are invalid.
    pub async fn start(settings: &Settings) -> Result<Self, ConfigError> {
        let config = settings.config();
        let config = if settings.redis_url.is_some() {
            config.redis_driver(settings.driver).redis_invalidation(settings.invalidation)
        } else {
            config
        };
        Ok(Self(Sessions::start(config).await?))
    }

    /// Starts a node on a store and a bus in memory, which other nodes may share.
    ///
    /// # Errors
    ///
    /// When the settings are invalid.
    pub async fn start_with(
        settings: &Settings,
        store: impl Store,
        bus: impl Bus,
    ) -> Result<Self, ConfigError> {
        Ok(Self(Sessions::start_with(settings.config(), store, bus).await?))
    }

    /// The layer.
    #[must_use]
    pub fn layer(&self) -> SessionLayer<User> {
        SessionLayer::new(&self.0)
    }

    /// The number of sessions in the local cache.
    #[must_use]
    pub fn cached_sessions(&self) -> usize {
        self.0.cached_sessions()
    }

    /// The number of messages that it has received from the bus.
    #[must_use]
    pub fn received_messages(&self) -> u64 {
        let stats = self.0.bus_stats();
        stats.received + stats.rejected
    }
}

/// The routes, without the layer.
pub fn routes() -> Router {
    Router::new()
        .route("/login", get(login))
        .route("/read", get(read))
        .route("/plain", get(async || "plain"))
        .route("/write", get(write))
        .route("/logout", get(async |session: Session<User>| session.destroy()))
}

async fn login(session: Session<User>) {
    session.update(|user| *user = User { id: USER_ID, name: USER_NAME.to_owned(), count: 0 });
}

async fn read(session: Session<User>) -> String {
    session.get().name.clone()
}

async fn write(session: Session<User>) -> String {
    let count = session.update(|user| {
        user.count += 1;
        user.count
    });
    count.to_string()
}

/// For measurements only.
const SECRET: &str = "2525deb40b5684565667028ca69237c69363314307d8344f194dffaa3794dec7";
