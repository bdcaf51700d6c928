use std::net::Ipv6Addr;

use super::error::or_record;
use super::{InvalidSettings, NumberedNode, RedisSettings, SettingError};
use crate::{RedisConfig, RedisUrl};

impl RedisSettings {
    /// Checks the settings, loads the files that they name, and makes a configuration of them. `None` if no servers are
    /// [named](Self::names_servers).
    ///
    /// # Errors
    ///
    /// When a setting is invalid.
    pub fn resolve(&self) -> Result<Option<RedisConfig>, InvalidSettings> {
        let mut problems = self.problems.clone();
        let config = self.names_servers().then(|| self.config(&mut problems));
        if problems.is_empty() { Ok(config.flatten()) } else { Err(InvalidSettings::new(problems)) }
    }

    fn config(&self, problems: &mut Vec<SettingError>) -> Option<RedisConfig> {
        let url = self.servers(problems);
        let url = url.map(|url| self.with_resolved_tls(self.with_credentials(url, problems), problems));
        let tls = self.load_tls(url.as_ref(), problems);
        Some(RedisConfig {
            tls,
            read_from: self.read_from.unwrap_or_default(),
            wait_replicas: self.wait_replicas.unwrap_or(0),
            driver: self.driver.unwrap_or_default(),
            ..RedisConfig::new(url?)
        })
    }

    fn servers(&self, problems: &mut Vec<SettingError>) -> Option<RedisUrl> {
        let mut sources = self.sources();
        let first = sources.next()?;
        let Some(url) = &self.url else { return self.cluster(problems) };
        let others = problems.len();
        problems.extend(sources.map(|name| {
            SettingError::new(&name, format_args!("{first} names the servers already: give one of the two"))
        }));
        if problems.len() > others { None } else { or_record("REDIS_URL", url.parse(), problems) }
    }

    /// The cluster of the nodes in both lists.
    fn cluster(&self, problems: &mut Vec<SettingError>) -> Option<RedisUrl> {
        let listed = self.cluster_nodes.iter().flat_map(|list| list.split(','));
        let listed: Vec<_> = listed.map(|node| node.trim().to_owned()).collect();
        if !listed.is_empty() {
            or_record("REDIS_CLUSTER_NODES", RedisUrl::cluster(&listed), problems)?;
        }
        // All of them, so that every invalid node is reported.
        let numbered: Vec<_> = self.nodes.iter().map(|node| node.resolve(problems)).collect();
        let numbered: Vec<_> = numbered.into_iter().collect::<Option<_>>()?;
        RedisUrl::cluster(listed.into_iter().chain(numbered)).ok()
    }

    /// User and password are set in one place: the URL, or the variables.
    fn with_credentials(&self, url: RedisUrl, problems: &mut Vec<SettingError>) -> RedisUrl {
        if url.has_login() {
            let set =
                [("REDIS_USERNAME", self.username.is_some()), ("REDIS_PASSWORD", self.password.is_some())];
            problems.extend(set.into_iter().filter(|(_, set)| *set).map(|(name, _)| {
                SettingError::new(
                    name,
                    "REDIS_URL has a password already: give user and password in one place",
                )
            }));
            return url;
        }
        match (&self.username, &self.password) {
            (user, Some(password)) => url.with_login(user.as_deref(), password.as_str()),
            (Some(_), None) => {
                problems.push(SettingError::new("REDIS_PASSWORD", "needed with REDIS_USERNAME"));
                url
            }
            (None, None) => url,
        }
    }

    /// The scheme of a URL decides on TLS; without a URL, the variable does.
    fn with_resolved_tls(&self, url: RedisUrl, problems: &mut Vec<SettingError>) -> RedisUrl {
        if self.url.is_none() {
            return url.with_tls(self.tls.unwrap_or(false));
        }
        match (self.tls, url.has_tls()) {
            (Some(true), false) => problems.push(SettingError::new(
                "REDIS_TLS",
                "REDIS_URL says that there is none: begin it with rediss in place of redis, or leave this out",
            )),
            (Some(false), true) => problems.push(SettingError::new(
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
    fn resolve(&self, problems: &mut Vec<SettingError>) -> Option<String> {
        let Some(host) = &self.host else {
            let message = format!("needs {}", self.host_name());
            problems.push(SettingError::new(&self.port_name(), message));
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
            problems.push(SettingError::new(&self.host_name(), message));
            return None;
        }
        Some(node)
    }
}

const DEFAULT_PORT: u16 = 6379;
