//! The forms of a URL: [`RedisUrl`].

mod error;
mod parse;
mod servers;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::error::RedisUrlError;
pub(crate) use self::servers::{Address, Host, Login, Sentinels, Servers};

/// The servers, and the credentials for them.
///
/// ```text
/// redis://[[user]:password@]host[:port][/database]
/// redis-cluster://[[user]:password@]host[:port][,host[:port]...]
/// redis-sentinel://[[user]:password@]host[:port][,host[:port]...][/database]?sentinelServiceName=name
///     [&sentinelUsername=user][&sentinelPassword=password]
/// redis+unix://[[user]:password@]/path/to/redis.sock[?db=database]
/// ```
///
/// `valkey` may stand for `redis`. With an `s` behind either, as in `rediss://` or `valkeys-cluster://`, all
/// connections but those over a Unix socket use TLS. The port is 6379, that of a Sentinel 26379, and the database 0
/// unless the URL says otherwise. An IPv6 address is written in brackets.
///
/// It is enough to name some nodes of a cluster, or some Sentinels. The hosts after the first may also be options:
/// `redis-cluster://host:port?node=host:port&node=host:port`. User and password are for the servers; those for Sentinels are
/// options.
///
/// Characters that have a meaning in a URL are percent-encoded in users, passwords, options and paths, as in `%40` for
/// `@`. A `+` is a plus.
///
/// `Display` and `Debug` hide passwords.
#[derive(Clone, Eq, PartialEq)]
pub struct RedisUrl {
    pub(crate) servers: Servers,
    pub(crate) login: Option<Login>,
    pub(crate) database: u8,
    pub(crate) tls: bool,
}

impl RedisUrl {
    /// A cluster with nodes at these `host:port`. The port is 6379 where there is none.
    ///
    /// ```
    /// use handstamp_redis_client::RedisUrl;
    ///
    /// let url = RedisUrl::cluster(["10.0.0.1:7000", "[::1]:7001"])?.with_login(Some("app"), "secret").with_tls(true);
    /// assert_eq!(url.to_string(), "rediss-cluster://app:***@10.0.0.1:7000,[::1]:7001");
    /// # Ok::<(), handstamp_redis_client::RedisUrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no node, or one does not have that form.
    pub fn cluster(hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, RedisUrlError> {
        let hosts: Result<Vec<Host>, _> =
            hosts.into_iter().map(|host| host.as_ref().trim().parse()).collect();
        match hosts? {
            hosts if hosts.is_empty() => Err(RedisUrlError::Node),
            hosts => Ok(Self { servers: Servers::Cluster(hosts), login: None, database: 0, tls: false }),
        }
    }

    /// With this user, or the default user, and this password, in place of those in the URL. The credentials for Sentinels
    /// stay.
    #[must_use]
    pub fn with_login(mut self, user: Option<&str>, password: impl Into<String>) -> Self {
        self.login = Some(Login { user: user.map(str::to_owned), password: password.into() });
        self
    }

    /// With or without TLS. A Unix socket never has it.
    #[must_use]
    pub fn with_tls(mut self, tls: bool) -> Self {
        self.tls = tls && !matches!(self.servers, Servers::One(Address::Unix(_)));
        self
    }

    /// Whether the URL has a password for the servers.
    #[must_use]
    pub const fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Whether connections use TLS.
    #[must_use]
    pub const fn has_tls(&self) -> bool {
        self.tls
    }

    /// Whether the servers are a cluster.
    #[must_use]
    pub const fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }

    /// The number of the database.
    #[must_use]
    pub const fn database(&self) -> u8 {
        self.database
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss" } else { "redis" })?;
        f.write_str(match &self.servers {
            Servers::One(Address::Tcp(_)) => "://",
            Servers::One(Address::Unix(_)) => "+unix://",
            Servers::Sentinel(_) => "-sentinel://",
            Servers::Cluster(_) => "-cluster://",
        })?;
        if let Some(login) = &self.login {
            write!(f, "{login}@")?;
        }
        match &self.servers {
            Servers::One(Address::Tcp(host)) => write!(f, "{host}/{}", self.database),
            Servers::One(Address::Unix(path)) => write!(f, "{}?db={}", path.display(), self.database),
            Servers::Cluster(hosts) => list(f, hosts),
            Servers::Sentinel(sentinels) => {
                list(f, &sentinels.hosts)?;
                write!(f, "/{}?sentinelServiceName={}", self.database, sentinels.service)?;
                let Some(login) = &sentinels.login else { return Ok(()) };
                if let Some(user) = &login.user {
                    write!(f, "&sentinelUsername={user}")?;
                }
                f.write_str("&sentinelPassword=***")
            }
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

fn list(f: &mut fmt::Formatter<'_>, hosts: &[Host]) -> fmt::Result {
    for (index, host) in hosts.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        write!(f, "{host}")?;
    }
    Ok(())
}
