use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::servers::DEFAULT_PORT;
use super::{Address, Host, Login, RedisUrl, RedisUrlError, Sentinels, Servers};

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (form, tls) = form(&scheme.to_ascii_lowercase()).ok_or(RedisUrlError::Scheme)?;
        let parts = Parts::split(rest)?;
        let (servers, database) = match form {
            Form::One => (one(&parts)?, database(parts.path)?),
            Form::Unix => unix(&parts)?,
            Form::Cluster => (cluster(&parts)?, 0),
            Form::Sentinel => (sentinel(&parts)?, database(parts.path)?),
        };
        Ok(Self { servers, login: parts.login, database, tls })
    }
}

enum Form {
    One,
    Unix,
    Cluster,
    Sentinel,
}

/// The form and TLS of a scheme.
fn form(scheme: &str) -> Option<(Form, bool)> {
    let rest = scheme.strip_prefix("redis").or_else(|| scheme.strip_prefix("valkey"))?;
    let (rest, tls) = rest.strip_prefix('s').map_or((rest, false), |rest| (rest, true));
    match rest {
        "" => Some((Form::One, tls)),
        "-cluster" => Some((Form::Cluster, tls)),
        "-sentinel" => Some((Form::Sentinel, tls)),
        "+unix" if !tls => Some((Form::Unix, tls)),
        _ => None,
    }
}

/// The URL without its scheme.
struct Parts<'a> {
    login: Option<Login>,
    hosts: &'a str,
    /// With its leading slash, or empty.
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, RedisUrlError> {
        if text.contains('#') {
            return Err(RedisUrlError::Fragment);
        }
        let (text, query) = text.split_once('?').map_or((text, None), |(text, query)| (text, Some(query)));
        let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let login = login(decoded(user)?, decoded(password)?, RedisUrlError::Password)?;
        Ok(Self { login, hosts, path, query: query.filter(|query| !query.is_empty()) })
    }

    /// The options, percent-decoded.
    fn options(&self) -> impl Iterator<Item = Result<(&'a str, String), RedisUrlError>> {
        self.query.into_iter().flat_map(|query| query.split('&')).map(|option| {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            Ok((key, decoded(value)?))
        })
    }

    fn all_hosts(&self, default_port: u16) -> Result<Vec<Host>, RedisUrlError> {
        self.hosts.split(',').map(|host| Host::parse(host, default_port)).collect()
    }
}

fn one(parts: &Parts<'_>) -> Result<Servers, RedisUrlError> {
    if parts.hosts.contains(',') {
        return Err(RedisUrlError::Hosts);
    }
    if parts.query.is_some() {
        return Err(RedisUrlError::Option);
    }
    Ok(Servers::One(Address::Tcp(Host::parse(parts.hosts, DEFAULT_PORT)?)))
}

fn unix(parts: &Parts<'_>) -> Result<(Servers, u8), RedisUrlError> {
    if !parts.hosts.is_empty() || parts.path.len() < 2 {
        return Err(RedisUrlError::SocketPath);
    }
    let mut number = None;
    for option in parts.options() {
        match option? {
            ("db", value) => once(&mut number, value)?,
            _ => return Err(RedisUrlError::SocketOption),
        }
    }
    let address = Address::Unix(decoded(parts.path)?.into());
    Ok((Servers::One(address), database(&number.unwrap_or_default())?))
}

fn cluster(parts: &Parts<'_>) -> Result<Servers, RedisUrlError> {
    let mut hosts = parts.all_hosts(DEFAULT_PORT)?;
    if database(parts.path)? != 0 {
        return Err(RedisUrlError::ClusterDatabase);
    }
    for option in parts.options() {
        match option? {
            ("node", value) => hosts.push(value.parse()?),
            _ => return Err(RedisUrlError::ClusterOption),
        }
    }
    Ok(Servers::Cluster(hosts))
}

fn sentinel(parts: &Parts<'_>) -> Result<Servers, RedisUrlError> {
    let mut hosts = parts.all_hosts(SENTINEL_PORT)?;
    let (mut service, mut user, mut password) = (None, None, None);
    for option in parts.options() {
        match option? {
            ("node", value) => {
                hosts.push(Host::parse(&value, SENTINEL_PORT).map_err(|_| RedisUrlError::Node)?);
            }
            ("sentinelServiceName", value) => once(&mut service, value)?,
            ("sentinelUsername", value) => once(&mut user, value)?,
            ("sentinelPassword", value) => once(&mut password, value)?,
            _ => return Err(RedisUrlError::SentinelOption),
        }
    }
    let service = service.filter(|service| !service.is_empty()).ok_or(RedisUrlError::SentinelService)?;
    let (user, password) = (user.unwrap_or_default(), password.unwrap_or_default());
    let login = login(user, password, RedisUrlError::SentinelPassword)?;
    Ok(Servers::Sentinel(Sentinels { hosts, service, login }))
}

/// An empty text counts as missing.
fn login(
    user: String,
    password: String,
    without_password: RedisUrlError,
) -> Result<Option<Login>, RedisUrlError> {
    match (user.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Err(without_password),
        (no_user, false) => Ok(Some(Login { user: (!no_user).then_some(user), password })),
    }
}

fn database(path: &str) -> Result<u8, RedisUrlError> {
    match path.strip_prefix('/').unwrap_or(path) {
        "" => Ok(0),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            number.parse().map_err(|_| RedisUrlError::Database)
        }
        _ => Err(RedisUrlError::Database),
    }
}

fn once(option: &mut Option<String>, value: String) -> Result<(), RedisUrlError> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(RedisUrlError::RepeatedOption),
    }
}

fn decoded(text: &str) -> Result<String, RedisUrlError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| RedisUrlError::Utf8)
}

const SENTINEL_PORT: u16 = 26379;
