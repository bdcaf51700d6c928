use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use super::RedisUrlError;

/// The servers that a URL names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Servers {
    /// The primary.
    One(Address),
    /// Sentinels, which name the primary.
    Sentinel(Sentinels),
    /// At least one node of a cluster.
    Cluster(Vec<Host>),
}

/// Sentinels, and the name of their primary.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sentinels {
    /// At least one.
    pub(crate) hosts: Vec<Host>,
    /// The name under which they know the primary.
    pub(crate) service: String,
    /// The credentials for the Sentinels, which differ from those for the primary.
    pub(crate) login: Option<Login>,
}

/// The address of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Address {
    Tcp(Host),
    Unix(PathBuf),
}

/// A host and a port, written as `host:port`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Host {
    /// A name or an IP address, without brackets.
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// The credentials for a server.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: String,
}

impl Host {
    /// Parses `host:port` or `host`, with an IPv6 address in brackets.
    pub(crate) fn parse(text: &str, default_port: u16) -> Result<Self, RedisUrlError> {
        let (name, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (address, port) = bracketed.split_once(']').ok_or(RedisUrlError::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| RedisUrlError::Host)?;
            (address.to_string(), port)
        } else {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (name.to_owned(), port)
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_part) {
            return Err(RedisUrlError::Host);
        }
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| RedisUrlError::Port)?
            }
            None if port.is_empty() => default_port,
            _ => return Err(RedisUrlError::Port),
        };
        if port == 0 { Err(RedisUrlError::Port) } else { Ok(Self { name, port }) }
    }
}

impl FromStr for Host {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, DEFAULT_PORT).map_err(|_| RedisUrlError::Node)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => host.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// As in a URL, without the password.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.user.as_deref().unwrap_or_default())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({self})")
    }
}

pub(super) const DEFAULT_PORT: u16 = 6379;
