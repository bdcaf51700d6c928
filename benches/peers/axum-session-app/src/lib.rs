//! The measured routes with axum_session, in memory and on Redis. Its settings are its defaults: cookies are not signed, because
//! signing takes it ten times as long, and its own cache is in front of Redis.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use axum_session::{DatabasePool, Session, SessionConfig, SessionError, SessionLayer, SessionStore};
use bare::{USER_ID, USER_NAME};
use redis_pool::RedisPool;
use serde::{Deserialize, Serialize};

pub use axum_session::SessionNullPool;
pub use axum_session_redispool::SessionRedisPool;

/// Why the layer cannot be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The layer in memory.
///
/// # Errors
///
/// When the settings are invalid.
pub async fn memory_layer() -> Result<SessionLayer<SessionNullPool>, SessionError> {
    Ok(SessionLayer::new(SessionStore::new(None, SessionConfig::default()).await?))
}

/// The layer on Redis.
///
/// # Errors
///
/// When the URL is invalid.
pub async fn redis_layer(redis_url: &str) -> Result<SessionLayer<SessionRedisPool>, Error> {
    let pool = RedisPool::from(redis::Client::open(redis_url)?);
    Ok(SessionLayer::new(SessionStore::new(Some(pool.into()), SessionConfig::default()).await?))
}

/// The routes, without the layer.
pub fn routes<P: Pool>() -> Router {
    Router::new()
        .route("/login", get(login::<P>))
        .route("/read", get(read::<P>))
        .route("/plain", get(async || "plain"))
        .route("/write", get(write::<P>))
}

/// What the layer demands of its pools.
pub trait Pool: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static {}

impl<P: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static> Pool for P {}

#[derive(Deserialize, Serialize)]
struct User {
    id: u64,
    name: String,
}

// The count is an entry of its own, so that a write neither decodes nor encodes the user.
async fn login<P: Pool>(session: Session<P>) {
    session.set("user", User { id: USER_ID, name: USER_NAME.to_owned() });
    session.set("count", 0_u64);
}

async fn read<P: Pool>(session: Session<P>) -> Result<String, StatusCode> {
    session.get::<User>("user").map(|user| user.name).ok_or(StatusCode::UNAUTHORIZED)
}

async fn write<P: Pool>(session: Session<P>) -> String {
    let count = session.get::<u64>("count").unwrap_or_default() + 1;
    session.set("count", count);
    count.to_string()
}
