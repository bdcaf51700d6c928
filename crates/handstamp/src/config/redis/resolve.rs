use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use handstamp_core::invalidation::NodeId;
use handstamp_redis::{ReadFrom, RedisConfig, RedisUrl, Transport};
use handstamp_store::NodeSettings;

use super::super::error::Problem;
use super::super::resolve::or_record;
use super::{NumberedNode, RedisSettings};

impl RedisSettings {
    /// The servers, and how to connect to them, for the node of this name.
    pub(in crate::config) fn resolve(
        &self,
        node: &NodeSettings,
        node_id: Option<&NodeId>,
        problems: &mut Vec<Problem>,
    ) -> Option<RedisConfig> {
        let read_from = chosen("REDIS_READ_FROM", self.read_from.as_deref(), problems);
        let invalidation = chosen("REDIS_INVALIDATION", self.invalidation.as_deref(), problems);
        if (read_from, invalidation) == (Some(ReadFrom::Replica), Some(Transport::Tracking)) {
            let message = "with REDIS_INVALIDATION=tracking nobody is told of changes to what a replica has sent: \
                             choose one of the two";
            problems.push(Problem::new("REDIS_READ_FROM", message));
        }
        if read_from == Some(ReadFrom::Replica) && node.max_staleness < LEAST_WITH_REPLICAS {
            let message = "replicas may be a second behind: with REDIS_READ_FROM=replica at least 1500ms";
            problems.push(Problem::new("LOCAL_CACHE_MAX_STALENESS", message));
        }
        let url = self.servers(problems);
        let url = url.map(|url| self.encrypted(self.named(url, problems), problems));
        let tls = self.resolve_tls(url.as_ref(), problems);
        let (load_timeout, save_timeout) = (attempt(node.load_budget), attempt(node.save_budget));
        Some(RedisConfig {
            tls,
            load_timeout,
            save_timeout,
            connect_timeout: SHORTEST_CONNECT.max(load_timeout * 2).max(save_timeout),
            client_name: node_id.map(ToString::to_string),
            read_from: read_from?,
            wait_replicas: self.wait_replicas.unwrap_or(0),
            invalidation: invalidation?,
            ..RedisConfig::new(url?)
        })
    }

    fn servers(&self, problems: &mut Vec<Problem>) -> Option<RedisUrl> {
        let mut sources = self.sources();
        let first = sources.next()?;
        let Some(url) = &self.url else { return self.cluster(problems) };
        let others = problems.len();
        problems.extend(sources.map(|name| {
            Problem::new(&name, format_args!("{first} names the servers already: give one of the two"))
        }));
        if problems.len() > others { None } else { or_record("REDIS_URL", url.parse(), problems) }
    }

    /// The cluster that the lists of nodes are of. Both may name some.
    fn cluster(&self, problems: &mut Vec<Problem>) -> Option<RedisUrl> {
        let listed = self.cluster_nodes.iter().flat_map(|list| list.split(','));
        let listed: Vec<_> = listed.map(|node| node.trim().to_owned()).collect();
        if !listed.is_empty() {
            or_record("REDIS_CLUSTER_NODES", RedisUrl::cluster(&listed), problems)?;
        }
        // To the end, so that every node that is wrong is named.
        let numbered: Vec<_> = self.nodes.iter().map(|node| node.resolve(problems)).collect();
        let numbered: Vec<_> = numbered.into_iter().collect::<Option<_>>()?;
        RedisUrl::cluster(listed.into_iter().chain(numbered)).ok()
    }

    /// With user and password, which are given in one place.
    fn named(&self, url: RedisUrl, problems: &mut Vec<Problem>) -> RedisUrl {
        if url.has_login() {
            let set =
                [("REDIS_USERNAME", self.username.is_some()), ("REDIS_PASSWORD", self.password.is_some())];
            problems.extend(set.into_iter().filter(|(_, set)| *set).map(|(name, _)| {
                Problem::new(name, "REDIS_URL has a password already: give user and password in one place")
            }));
            return url;
        }
        match (&self.username, &self.password) {
            (user, Some(password)) => url.with_login(user.as_deref(), password.as_str()),
            (Some(_), None) => {
                problems.push(Problem::new("REDIS_PASSWORD", "needed with REDIS_USERNAME"));
                url
            }
            (None, None) => url,
        }
    }

    /// With TLS or without, as is said by the scheme of a URL, and by a variable where there is none.
    fn encrypted(&self, url: RedisUrl, problems: &mut Vec<Problem>) -> RedisUrl {
        if self.url.is_none() {
            return url.with_tls(self.tls.unwrap_or(false));
        }
        match (self.tls, url.has_tls()) {
            (Some(true), false) => problems.push(Problem::new(
                "REDIS_TLS",
                "REDIS_URL says that there is none: begin it with rediss in place of redis, or leave this out",
            )),
            (Some(false), true) => problems.push(Problem::new(
                "REDIS_TLS",
                "REDIS_URL says that there is TLS: begin it with redis in place of rediss, or leave this out",
            )),
            _ => {}
        }
        url
    }
}

impl NumberedNode {
    /// The node as `host:port`.
    fn resolve(&self, problems: &mut Vec<Problem>) -> Option<String> {
        let Some(host) = &self.host else {
            let message = format!("needs {}", self.host_name());
            problems.push(Problem::new(&self.port_name(), message));
            return None;
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.port.unwrap_or(DEFAULT_PORT);
        let node = match bare.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]:{port}"),
            Err(_) => format!("{host}:{port}"),
        };
        if RedisUrl::cluster([&node]).is_err() {
            let message = format!("a host name or an IP address; its port goes into {}", self.port_name());
            problems.push(Problem::new(&self.host_name(), message));
            return None;
        }
        Some(node)
    }
}

/// The limit of one attempt: four fifths of the budget of the request that makes it, so that it ends with a result that
/// counts before the request gives it up.
fn attempt(budget: Duration) -> Duration {
    budget * 4 / 5
}

/// What a variable chooses, or the default.
fn chosen<T: Default + FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    text.map_or_else(|| Some(T::default()), |text| or_record(name, text.parse(), problems))
}

const DEFAULT_PORT: u16 = 6379;
const SHORTEST_CONNECT: Duration = Duration::from_millis(500);
const LEAST_WITH_REPLICAS: Duration = Duration::from_millis(1_500);
