//! The measured routes with tower-sessions, whose store is Redis.

#[path = "../../tower-sessions-memory/src/handlers.rs"]
mod handlers;

use tower_sessions::service::SignedCookie;
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Error, Pool};

pub use self::handlers::routes;

/// The layer.
///
/// # Errors
///
/// When Redis cannot be reached.
pub async fn layer(redis_url: &str) -> Result<SessionManagerLayer<RedisStore<Pool>, SignedCookie>, Error> {
    Ok(layer_on(store(redis_url).await?))
}

/// Sessions in this store, with signed cookies.
pub fn layer_on<S: SessionStore>(store: S) -> SessionManagerLayer<S, SignedCookie> {
    SessionManagerLayer::new(store)
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(1)))
        .with_signed(handlers::key())
}

/// A store with the pool of its README.
///
/// # Errors
///
/// When Redis cannot be reached.
pub async fn store(redis_url: &str) -> Result<RedisStore<Pool>, Error> {
    let pool = Pool::new(Config::from_url(redis_url)?, None, None, None, 6)?;
    pool.connect();
    pool.wait_for_connect().await?;
    Ok(RedisStore::new(pool))
}
