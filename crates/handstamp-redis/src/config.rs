use std::time::Duration;

use crate::driver::{Protocol, Target};
use crate::limit::Limit;
use crate::purpose::Purpose;
use crate::url::{Address, Host, Servers};
use crate::{BreakerSettings, ReadFrom, RedisUrl, Tls, Transport};

/// Which servers, and how long to wait for them.
///
/// ```
/// use std::time::Duration;
/// use handstamp_redis::RedisConfig;
///
/// let config = RedisConfig {
///     load_timeout: Duration::from_millis(100),
///     ..RedisConfig::new("redis://localhost:6379".parse()?)
/// };
/// assert_eq!(config.connect_timeout, Duration::from_millis(500));
/// # Ok::<(), handstamp_redis::RedisUrlError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// The servers.
    pub url: RedisUrl,
    /// Whom to trust and who we are, where the URL says TLS. Default: whom the system trusts, and nobody.
    pub tls: Option<Tls>,
    /// The limit of one attempt to read, and of waiting for a connection that is just being made. Default: 200
    /// milliseconds, four fifths of the budget of a load.
    ///
    /// Questions about the server itself (whether it still replies, and as a primary) have the same limit, and 200
    /// milliseconds at least. A connection on which such a question is not answered is replaced by another one that replies
    /// first.
    pub load_timeout: Duration,
    /// The limit of one attempt to write. Default: 400 milliseconds, four fifths of the budget of a save.
    ///
    /// Waiting for [replicas](Self::wait_replicas) takes a quarter of it at most.
    pub save_timeout: Duration,
    /// The limit for making a connection, handshake and all: six round trips, or eight with TLS. Default: 500
    /// milliseconds.
    pub connect_timeout: Duration,
    /// How many commands may wait for the server at a time. More are refused at once, so that a server which
    /// stands still costs no memory. Default: 4,096.
    pub max_in_flight: usize,
    /// When a server that does not answer is not asked any more until it does. Each server has a breaker of its own.
    pub breaker: BreakerSettings,
    /// Which servers answer reads. Default: primaries.
    pub read_from: ReadFrom,
    /// How many replicas must have a write before it counts. Default: none.
    pub wait_replicas: u32,
    /// What carries invalidations. Default: Pub/Sub.
    pub invalidation: Transport,
    /// The name of this node in `CLIENT LIST`, where each connection is called `handstamp:<purpose>:<name>`. Default:
    /// none, which leaves `handstamp:<purpose>`.
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
            invalidation: Transport::PubSub,
            client_name: None,
        }
    }

    /// The length of a limit.
    pub(crate) fn limit(&self, limit: Limit) -> Duration {
        match limit {
            Limit::Read => self.load_timeout,
            Limit::Write => self.save_timeout,
            // However short the budgets are, a short stall is no dead connection.
            Limit::Probe => self.load_timeout.max(SHORTEST_PROBE),
        }
    }

    pub(crate) fn client_name(&self, purpose: Purpose) -> String {
        purpose.client_name(self.client_name.as_deref())
    }

    /// Reads what the system trusts, if that is needed, so that it is not read for every target.
    pub(crate) fn prepared(mut self) -> Self {
        if self.url.tls && self.tls.is_none() {
            self.tls = Some(Tls::of_the_system());
        }
        self
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self.url.servers, Servers::Cluster(_))
    }

    /// What is spoken where commands go. When a server cannot tell of changes where it was asked to, it says so on the
    /// connection that has read the keys, and there the client library would take that for an answer. With the older
    /// protocol it cannot.
    pub(crate) const fn protocol(&self) -> Protocol {
        match self.invalidation {
            Transport::PubSub => Protocol::Resp3,
            Transport::Tracking => Protocol::Resp2,
        }
    }

    /// Nobody is told of changes to what was read from a replica.
    pub(crate) fn reads_from_replicas(&self) -> bool {
        self.read_from == ReadFrom::Replica && self.invalidation == Transport::PubSub
    }

    /// One of the servers that keep sessions.
    pub(crate) fn target(&self, address: &Address) -> Target {
        // Never in the clear what is to be encrypted.
        let tls = self.url.tls && matches!(address, Address::Tcp(_));
        Target {
            address: address.clone(),
            login: self.url.login.clone(),
            database: self.url.database,
            tls: tls.then(|| self.tls.clone().unwrap_or_else(Tls::of_the_system)),
            protocol: Protocol::Resp3,
            connect_timeout: self.connect_timeout,
        }
    }

    /// One of the Sentinels.
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
    fn probes_follow_the_budgets_but_are_never_hasty() {
        for (load_timeout, probe) in [(40, 200), (200, 200), (1_600, 1_600)]
            .map(|(load, probe)| (Duration::from_millis(load), Duration::from_millis(probe)))
        {
            let config = RedisConfig { load_timeout, ..config("redis://a") };
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
