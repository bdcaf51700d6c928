//! The measured routes without sessions, whose writes are a plain `SET` of the bytes of a record of handstamp, by each of the clients
//! that handstamp can use. No layer with a store on Redis can do less.

use std::error::Error as StdError;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;
use fred::clients::Client as FredClient;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Expiration;
use fred::types::config::Config;
use redis::aio::MultiplexedConnection;

/// Why the routes cannot be made.
pub type Error = Box<dyn StdError + Send + Sync>;

/// The routes, with `SET` by fred.
///
/// # Errors
///
/// When Redis cannot be reached, or has no record of handstamp yet.
pub async fn with_fred(redis_url: &str) -> Result<Router, Error> {
    let record = record(redis_url).await?;
    let client = FredClient::new(Config::from_url(redis_url)?, None, None, None);
    client.init().await?;
    let write = async move || {
        let expiration = Some(Expiration::PX(MILLISECONDS));
        let set = client.set::<(), _, _>(KEY, record.clone(), expiration, None, false);
        set.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        Ok::<_, StatusCode>(1_u64.to_string())
    };
    Ok(bare::routes_without_write().route("/write", get(write)))
}

/// The routes, with `SET` by redis-rs.
///
/// # Errors
///
/// As with [`with_fred`].
pub async fn with_redis_rs(redis_url: &str) -> Result<Router, Error> {
    let record = record(redis_url).await?;
    let connection = connect(redis_url).await?;
    let write = async move || {
        let mut set = redis::cmd("SET");
        set.arg(KEY).arg(record.as_ref()).arg("PX").arg(MILLISECONDS);
        let mut connection = connection.clone();
        set.exec_async(&mut connection).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        Ok::<_, StatusCode>(1_u64.to_string())
    };
    Ok(bare::routes_without_write().route("/write", get(write)))
}

/// The bytes of any record of handstamp.
async fn record(redis_url: &str) -> Result<Bytes, Error> {
    let mut connection = connect(redis_url).await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:s:*").query_async(&mut connection).await?;
    let key = keys.first().ok_or("there is no record of handstamp: log in there first")?;
    Ok(redis::cmd("GET").arg(key).query_async::<Vec<u8>>(&mut connection).await?.into())
}

async fn connect(redis_url: &str) -> Result<MultiplexedConnection, Error> {
    Ok(redis::Client::open(redis_url)?.get_multiplexed_async_connection().await?)
}

const KEY: &str = "plain-set";
/// The idle timeout of the sessions of the others.
const MILLISECONDS: i64 = 3_600_000;
