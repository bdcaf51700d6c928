use std::collections::BTreeMap;

use handstamp_testkit::{RedisServer, redis};
use subjects::Error;

use crate::cpu::pin;

/// A server on its core, with a connection for its statistics.
pub(super) struct Server {
    pub(super) redis: RedisServer,
    pub(super) statistics: Statistics,
}

/// Reads the statistics of a server.
pub(super) struct Statistics(redis::Connection);

impl Server {
    pub(super) async fn start() -> Result<Self, Error> {
        pin(1)?;
        let redis = RedisServer::start().await;
        pin(0)?;
        let statistics = Statistics::connect(&redis.url())?;
        Ok(Self { redis, statistics })
    }

    pub(super) fn url(&self) -> String {
        self.redis.url()
    }
}

impl Statistics {
    pub(super) fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self(redis::Client::open(url)?.get_connection()?))
    }

    /// The CPU time of the server so far, in microseconds.
    pub(super) fn cpu(&mut self) -> Result<f64, Error> {
        let values = self.values("cpu")?;
        let seconds = |name: &str| values.get(name).copied().unwrap_or_default();
        Ok((seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1e6)
    }

    /// The memory that the server uses, in bytes.
    pub(super) fn memory(&mut self) -> Result<f64, Error> {
        self.values("memory")?.get("used_memory").copied().ok_or_else(|| "no `used_memory`".into())
    }

    fn values(&mut self, section: &str) -> Result<BTreeMap<String, f64>, Error> {
        let info: String = redis::cmd("INFO").arg(section).query(&mut self.0)?;
        let value = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Ok(info.lines().filter_map(value).collect())
    }
}
