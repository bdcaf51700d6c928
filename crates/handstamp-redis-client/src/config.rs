use std::time::Duration;

use crate::command::Limit;
use crate::driver::{Protocol, Target};
use crate::url::{Address, Host, Servers};
use crate::{BreakerSettings, ConnectionRole, Driver, ReadFrom, RedisUrl, Tls};

/// The servers, and how long to wait for them.
///
/// ```
/// use std::time::Duration;
/// use handstamp_redis_client::RedisConfig;
///
/// let config =
///     RedisConfig::new("redis://localhost:6379".parse()?).with_load_timeout(Duration::from_millis(100));
/// assert_eq!(config.connect_timeout, Duration::from_millis(500));
/// # Ok::<(), handstamp_redis_client::RedisUrlError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConfig {
    /// The servers.
    pub url: RedisUrl,
    /// The trusted authorities and the certificate of the client, where the URL says TLS. Default: the authorities that the
    /// system trusts, and no certificate.
    pub tls: Option<Tls>,
    /// The limit of one attempt to read, and of waiting for a connection that is being made. Default: 200 milliseconds.
    ///
    /// Probes (whether a server still replies, and as a primary) have the same limit, and 200 milliseconds at least. A
    /// connection without a reply to a probe is replaced by another one that replies first.
    pub load_timeout: Duration,
    /// The limit of one attempt to write. Default: 400 milliseconds.
    ///
    /// Waiting for [replicas](Self::wait_replicas) takes a quarter of it at most.
    pub save_timeout: Duration,
    /// The limit for making a connection, including the handshake: six round trips, or eight with TLS. Default: 500
    /// milliseconds.
    pub connect_timeout: Duration,
    /// The most commands that may wait for one server. More fail at once, so that a stalled server cannot fill the memory of
    /// the node. Default: 4,096.
    pub max_in_flight: usize,
    /// When commands for a server that does not reply fail at once. Each server has a breaker of its own.
    pub breaker: BreakerSettings,
    /// Which servers serve reads. Default: primaries.
    pub read_from: ReadFrom,
    /// The number of replicas that must have a [durable](crate::Command::durable) write before it counts. Default: 0.
    pub wait_replicas: u32,
    /// Whether subscriptions also receive the keys that were read by this client and have changed since (`CLIENT TRACKING`).
    /// Default: `false`.
    pub tracking: bool,
    /// The library underneath. Default: [`Driver::Fred`].
    pub driver: Driver,
    /// The name of this node in `CLIENT LIST`, where each connection is called `handstamp:<role>:<name>`. Default:
    /// none, which leaves `handstamp:<role>`.
    pub client_name: Option<String>,
}

impl RedisConfig {
    /// The server at `url`, and the defaults.
    #[must_use]
    pub const fn new(url: RedisUrl) -> Self {
        Self {
            url,
            tls: None,
            load_timeout: Duration::from_millis(200),
            save_timeout: Duration::from_millis(400),
            connect_timeout: Duration::from_millis(500),
            max_in_flight: 4_096,
            breaker: BreakerSettings::DEFAULT,
            read_from: ReadFrom::Primary,
            wait_replicas: 0,
            tracking: false,
            driver: Driver::Fred,
            client_name: None,
        }
    }

    /// With these [authorities and certificate](Self::tls).
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// With this [limit of reads](Self::load_timeout).
    #[must_use]
    pub fn with_load_timeout(self, load_timeout: Duration) -> Self {
        Self { load_timeout, ..self }
    }

    /// With this [limit of writes](Self::save_timeout).
    #[must_use]
    pub fn with_save_timeout(self, save_timeout: Duration) -> Self {
        Self { save_timeout, ..self }
    }

    /// With this [limit for making a connection](Self::connect_timeout).
    #[must_use]
    pub fn with_connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// With this [limit of commands in flight](Self::max_in_flight).
    #[must_use]
    pub fn with_max_in_flight(self, max_in_flight: usize) -> Self {
        Self { max_in_flight, ..self }
    }

    /// With these [thresholds](Self::breaker) of the circuit breakers.
    #[must_use]
    pub fn with_breaker(self, breaker: BreakerSettings) -> Self {
        Self { breaker, ..self }
    }

    /// With reads from [these servers](Self::read_from).
    #[must_use]
    pub fn with_read_from(self, read_from: ReadFrom) -> Self {
        Self { read_from, ..self }
    }

    /// With durable writes that wait for [this number of replicas](Self::wait_replicas).
    #[must_use]
    pub fn with_wait_replicas(self, wait_replicas: u32) -> Self {
        Self { wait_replicas, ..self }
    }

    /// With or without [tracking](Self::tracking).
    #[must_use]
    pub fn with_tracking(self, tracking: bool) -> Self {
        Self { tracking, ..self }
    }

    /// With this [library](Self::driver).
    #[must_use]
    pub fn with_driver(self, driver: Driver) -> Self {
        Self { driver, ..self }
    }

    /// With this [name of the node](Self::client_name).
    #[must_use]
    pub fn with_client_name(self, client_name: impl Into<String>) -> Self {
        Self { client_name: Some(client_name.into()), ..self }
    }

    /// Whether reads may go to replicas. With [tracking](Self::tracking) they do not: no server announces changes to keys that
    /// were read from a replica.
    #[must_use]
    pub fn reads_from_replicas(&self) -> bool {
        self.read_from == ReadFrom::Replica && !self.tracking
    }

    pub(crate) fn limit(&self, limit: Limit) -> Duration {
        match limit {
            Limit::Read => self.load_timeout,
            Limit::Write => self.save_timeout,
            // However short the budgets are, a short stall does not mean a dead connection.
            Limit::Probe => self.load_timeout.max(SHORTEST_PROBE),
        }
    }

    pub(crate) fn connection_name(&self, role: ConnectionRole) -> String {
        role.client_name(self.client_name.as_deref())
    }

    /// Loads the certificates of the system, if they are needed, so that each target need not load them.
    pub(crate) fn prepared(mut self) -> Self {
        if self.url.tls && self.tls.is_none() {
            self.tls = Some(Tls::system_roots_or_none());
        }
        self
    }

    /// The protocol of connections for commands. A server that fails to redirect the messages of tracking says so on
    /// the connection that has read the keys, and the driver would take that for a reply. With the older protocol it cannot.
    pub(crate) const fn protocol(&self) -> Protocol {
        if self.tracking { Protocol::Resp2 } else { Protocol::Resp3 }
    }

    /// The server at `address`, which is no Sentinel.
    pub(crate) fn target(&self, address: &Address) -> Target {
        let tls = self.url.tls && matches!(address, Address::Tcp(_));
        Target {
            driver: self.driver,
            address: address.clone(),
            login: self.url.login.clone(),
            database: self.url.database,
            // Never in the clear where the URL says TLS.
            tls: tls.then(|| self.tls.clone().unwrap_or_else(Tls::system_roots_or_none)),
            protocol: Protocol::Resp3,
            connect_timeout: self.connect_timeout,
        }
    }

    pub(crate) fn sentinel_target(&self, sentinel: &Host) -> Target {
        let login = match &self.url.servers {
            Servers::Sentinel(sentinels) => sentinels.login.clone(),
            Servers::One(_) | Servers::Cluster(_) => None,
        };
        Target { login, database: 0, ..self.target(&Address::Tcp(sentinel.clone())) }
    }
}

const SHORTEST_PROBE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> RedisConfig {
        RedisConfig::new(url.parse().unwrap())
    }

    #[test]
    fn sentinels_have_a_login_of_their_own() {
        let url = "redis-sentinel://app:one@s1/2?sentinelServiceName=main&sentinelPassword=two";
        let config = config(url);
        let host: Host = "10.0.0.1:26379".parse().unwrap();
        let sentinel = config.sentinel_target(&host);
        assert_eq!((sentinel.login.unwrap().password.as_str(), sentinel.database), ("two", 0));
        let server = config.target(&Address::Tcp(host));
        assert_eq!((server.login.unwrap().password.as_str(), server.database), ("one", 2));
    }

    #[test]
    fn probes_take_at_least_200_milliseconds() {
        for (load_timeout, probe) in [(40, 200), (200, 200), (1_600, 1_600)]
            .map(|(load, probe)| (Duration::from_millis(load), Duration::from_millis(probe)))
        {
            let config = config("redis://a").with_load_timeout(load_timeout);
            assert_eq!((config.limit(Limit::Read), config.limit(Limit::Probe)), (load_timeout, probe));
            assert_eq!(config.limit(Limit::Write), Duration::from_millis(400));
        }
    }

    #[test]
    fn the_url_says_whether_there_is_tls() {
        let socket = Address::Unix("/run/redis.sock".into());
        let host = Address::Tcp("a:1".parse().unwrap());
        for (url, expected) in [("redis://a", false), ("rediss://a", true), ("rediss-cluster://a,b", true)] {
            let config = config(url).prepared();
            assert_eq!(config.target(&host).tls.is_some(), expected, "{url}");
            assert!(config.target(&socket).tls.is_none(), "{url}");
        }
    }
}
