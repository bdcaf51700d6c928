//! The measured routes with tower-sessions, with a Moka cache in front of Redis.

use tower_sessions::service::SignedCookie;
use tower_sessions::{CachingSessionStore, SessionManagerLayer};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{Error, Pool};

/// A cache in front of Redis.
pub type CachedStore = CachingSessionStore<MokaStore, RedisStore<Pool>>;

/// The layer. Its cache has room for all sessions of a measurement.
///
/// # Errors
///
/// When Redis cannot be reached.
pub async fn layer(redis_url: &str) -> Result<SessionManagerLayer<CachedStore, SignedCookie>, Error> {
    let cache = MokaStore::new(Some(2_000_000));
    let store = tower_sessions_redis::store(redis_url).await?;
    Ok(tower_sessions_redis::layer_on(CachingSessionStore::new(cache, store)))
}
