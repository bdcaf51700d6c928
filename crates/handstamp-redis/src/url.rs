use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// Where the server is, and who we are to it.
///
/// ```text
/// redis://[[user]:password@]host[:port][/database]
/// redis+unix:///path/to/redis.sock
/// ```
///
/// `valkey` may stand for `redis`. The port is 6379 and the database 0 unless the URL says otherwise. Characters
/// that have a meaning in a URL are percent-encoded in a password, as in `%40` for `@`.
///
/// `Display` and `Debug` hide the password.
#[derive(Clone, Eq, PartialEq)]
pub struct RedisUrl {
    pub(crate) address: Address,
    pub(crate) login: Option<Login>,
    pub(crate) database: u8,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: String,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(RedisUrlError::Scheme)?;
        // The driver would take any scheme that it does not know for a single server.
        match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => tcp(text, rest),
            "redis+unix" | "valkey+unix" => unix(rest),
            "rediss" | "valkeys" => Err(RedisUrlError::Tls),
            scheme if scheme.contains("cluster") => Err(RedisUrlError::Cluster),
            scheme if scheme.contains("sentinel") => Err(RedisUrlError::Sentinel),
            _ => Err(RedisUrlError::Scheme),
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { host, port } => {
                f.write_str("redis://")?;
                if let Some(login) = &self.login {
                    write!(f, "{}:***@", login.user.as_deref().unwrap_or_default())?;
                }
                write!(f, "{host}:{port}/{}", self.database)
            }
            Address::Unix(path) => write!(f, "redis+unix://{}", path.display()),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// Why a text is no URL of a server that this crate can use. None of these repeats any of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// The URL of a cluster, or several hosts.
    #[error("Redis Cluster is not supported yet: give the URL of one server that belongs to no cluster")]
    Cluster,
    /// What comes after the host is no number of a database.
    #[error("the database is a number from 0 to 255, as in redis://localhost:6379/2")]
    Database,
    /// There is no host, or it is none.
    #[error(
        "there is no host where one should be: write redis://user:password@host:port/database, and in the \
         password %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?"
    )]
    Host,
    /// There is a user, and no password.
    #[error("a user needs a password: write redis://user:password@host, or redis://host without both")]
    Password,
    /// The port is no port.
    #[error(
        "the port is a number from 1 to 65535: write redis://user:password@host:port/database, and in the \
         password %40 for @, %2F for /, %3A for :, %23 for # and %3F for ?"
    )]
    Port,
    /// Something follows a `?` or a `#`.
    #[error(
        "there are no options: leave out what follows ? or #, and in a password write %3F and %23 for them"
    )]
    Query,
    /// The scheme is another one, or there is none.
    #[error("a Redis URL begins with redis://, valkey:// or redis+unix://")]
    Scheme,
    /// The URL of a Sentinel.
    #[error("Redis Sentinel is not supported yet: give the URL of the primary itself")]
    Sentinel,
    /// There is no path where the path of a Unix socket should be.
    #[error("the path of a Unix socket is absolute, as in redis+unix:///run/redis.sock")]
    SocketPath,
    /// The URL of a server behind TLS.
    #[error("TLS is not supported yet: use redis:// over a network that you trust")]
    Tls,
    /// User or password decode to bytes that are no text.
    #[error("user and password must be UTF-8 once they are percent-decoded")]
    Utf8,
}

fn tcp(text: &str, rest: &str) -> Result<RedisUrl, RedisUrlError> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    if hosts.contains(',') {
        return Err(RedisUrlError::Cluster);
    }
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::InvalidPort => RedisUrlError::Port,
        _ => RedisUrlError::Host,
    })?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(RedisUrlError::Query);
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let port = url.port().unwrap_or(DEFAULT_PORT);
    if port == 0 {
        return Err(RedisUrlError::Port);
    }
    Ok(RedisUrl {
        address: Address::Tcp { host: host.ok_or(RedisUrlError::Host)?.to_owned(), port },
        login: login(&url)?,
        database: database(url.path())?,
    })
}

fn unix(path: &str) -> Result<RedisUrl, RedisUrlError> {
    if !path.starts_with('/') {
        return Err(RedisUrlError::SocketPath);
    }
    Ok(RedisUrl { address: Address::Unix(path.into()), login: None, database: 0 })
}

fn login(url: &Url) -> Result<Option<Login>, RedisUrlError> {
    let Some(password) = url.password() else {
        return if url.username().is_empty() { Ok(None) } else { Err(RedisUrlError::Password) };
    };
    let user = decoded(url.username())?;
    Ok(Some(Login { user: Some(user).filter(|user| !user.is_empty()), password: decoded(password)? }))
}

fn database(path: &str) -> Result<u8, RedisUrlError> {
    match path.trim_start_matches('/') {
        "" => Ok(0),
        number => number.parse().map_err(|_| RedisUrlError::Database),
    }
}

fn decoded(text: &str) -> Result<String, RedisUrlError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| RedisUrlError::Utf8)
}

const DEFAULT_PORT: u16 = 6379;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RedisUrl, RedisUrlError> {
        text.parse()
    }

    #[test]
    fn urls_are_read() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("valkey://10.0.0.1:7000/2", "redis://10.0.0.1:7000/2"),
            ("REDIS://cache.example/", "redis://cache.example:6379/0"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("redis://:s3cret@localhost", "redis://:***@localhost:6379/0"),
            ("redis://app:s3cret@localhost", "redis://app:***@localhost:6379/0"),
            ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
            (" redis://localhost\n", "redis://localhost:6379/0"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown, "{text:?}");
        }
    }

    #[test]
    fn passwords_are_percent_decoded() {
        let login = parse("redis://a%40b:p%23%3A%2F%25%C3%A4@localhost").unwrap().login.unwrap();
        assert_eq!((login.user.as_deref(), login.password.as_str()), (Some("a@b"), "p#:/%ä"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, error) in [
            ("", RedisUrlError::Scheme),
            ("localhost:6379", RedisUrlError::Scheme),
            ("http://localhost", RedisUrlError::Scheme),
            ("rediss://localhost", RedisUrlError::Tls),
            ("valkeys://localhost", RedisUrlError::Tls),
            ("redis-cluster://localhost", RedisUrlError::Cluster),
            ("redis+cluster://localhost", RedisUrlError::Cluster),
            ("rediss-cluster://localhost", RedisUrlError::Cluster),
            ("redis://a:1,b:2", RedisUrlError::Cluster),
            ("redis-sentinel://localhost/0", RedisUrlError::Sentinel),
            ("redis+sentinel://localhost/0", RedisUrlError::Sentinel),
            ("redis://", RedisUrlError::Host),
            ("redis:///2", RedisUrlError::Host),
            ("redis://:s3cret@", RedisUrlError::Host),
            ("redis://localhost:0", RedisUrlError::Port),
            ("redis://localhost:70000", RedisUrlError::Port),
            ("redis://localhost:port", RedisUrlError::Port),
            ("redis://:s3/cret@localhost", RedisUrlError::Host),
            ("redis://app@localhost", RedisUrlError::Password),
            ("redis://localhost/sessions", RedisUrlError::Database),
            ("redis://localhost/256", RedisUrlError::Database),
            ("redis://localhost/1/2", RedisUrlError::Database),
            ("redis://localhost?db=2", RedisUrlError::Query),
            ("redis://app:1#s3cret@localhost", RedisUrlError::Query),
            ("redis://:%ff@localhost", RedisUrlError::Utf8),
            ("redis+unix://redis.sock", RedisUrlError::SocketPath),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn nothing_shows_the_password() {
        let url = parse("redis://app:s3cret@localhost").unwrap();
        assert!(!format!("{url} {url:?}").contains("s3cret"));
        for text in ["redis://:s3cret@", "s3cret://localhost", "redis://:s3/cret@localhost"] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3"), "{text:?}");
        }
    }
}
