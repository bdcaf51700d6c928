use handstamp_testkit::RedisServer;
use handstamp_testkit::redis::{Value, from_redis_value};

/// The server that stalls.
pub(crate) struct Server(RedisServer);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(RedisServer::start().await)
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    pub(crate) fn pause(&self) {
        self.0.pause();
    }

    pub(crate) fn resume(&self) {
        self.0.resume();
    }

    /// The number of loads so far.
    pub(crate) fn loads(&self) -> u64 {
        self.0.command_counts().get("pttl").copied().unwrap_or_default()
    }

    /// The number of connections so far, without that of this query.
    pub(crate) fn connections(&self) -> u64 {
        let info: Value = self.0.command(&["INFO", "stats"]);
        let info: String = from_redis_value(info).expect("text");
        let received = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        received.and_then(|count| count.trim().parse().ok()).expect("a number")
    }
}
