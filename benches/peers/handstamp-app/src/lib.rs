//! The measured routes with handstamp.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bare::{USER_ID, USER_NAME};
use handstamp::{Config, ConfigError, Session, SessionData, SessionLayer, Sessions};
use serde::{Deserialize, Serialize};

/// The data of a session.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct User {
    id: u64,
    name: String,
    count: u64,
}

impl SessionData for User {}

/// A node.
#[derive(Clone, Debug)]
pub struct Node(Sessions);

impl Node {
    /// A node whose store is Redis; without a URL, it is in memory. Its cache has room for all sessions of a measurement.
    ///
    /// # Errors
    ///
    /// When the settings are invalid.
    pub async fn start(redis_url: Option<&str>, cache_ttl: Duration) -> Result<Self, ConfigError> {
        let redis_url = redis_url.map(str::to_owned);
        let config = Config::from_vars(|name| redis_url.clone().filter(|_| name == "REDIS_URL"))
            .session_secret(SECRET)
            .session_insecure_plain_http(true)
            .local_cache_ttl(cache_ttl)
            .local_cache_max_size(2_000_000)
            .local_cache_max_bytes(8 << 30);
        Ok(Self(Sessions::start(config).await?))
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
}

/// The routes, without the layer.
pub fn routes() -> Router {
    Router::new()
        .route("/login", get(login))
        .route("/read", get(read))
        .route("/plain", get(async || "plain"))
        .route("/write", get(write))
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
