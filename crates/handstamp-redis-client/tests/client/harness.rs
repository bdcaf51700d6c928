use std::time::Duration;

use bytes::Bytes;
use handstamp_redis_client::{Client, Command, Driver, RedisConfig, Reply};
pub(crate) use handstamp_testkit::PATIENCE;
use handstamp_testkit::eventually;

/// With limits that no command reaches, so that a command that waits for one fails the test first.
pub(crate) fn config(url: &str) -> RedisConfig {
    short_limits(url).with_load_timeout(NEVER).with_save_timeout(NEVER).with_connect_timeout(NEVER)
}

/// With the limits that are the defaults.
pub(crate) fn short_limits(url: &str) -> RedisConfig {
    RedisConfig::new(url.parse().expect("a URL")).with_driver(driver())
}

/// A client that has reached all primaries.
pub(crate) async fn client(config: RedisConfig) -> Client {
    let client = Client::start(config);
    eventually("every primary replies", PATIENCE, async || {
        let shards = client.shards();
        if shards.is_empty() {
            return Err("no primary is known".to_owned());
        }
        for shard in shards {
            client.ping(shard).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
    .await;
    client
}

pub(crate) async fn set(client: &Client, key: &Bytes, value: &'static str) {
    let set = Command::write("SET").arg(key.clone()).arg(value);
    assert_eq!(client.call(key, &set).await, Ok(Reply::Bytes("OK".into())));
}

pub(crate) async fn get(client: &Client, key: &Bytes) -> Reply {
    client.call(key, &Command::read("GET").arg(key.clone())).await.expect("a reply")
}

/// The driver that `REDIS_DRIVER` names, or the default.
fn driver() -> Driver {
    let name = std::env::var("REDIS_DRIVER");
    name.map_or_else(|_| Driver::default(), |name| name.parse().expect("a driver"))
}

const NEVER: Duration = Duration::from_secs(600);
