use std::borrow::Cow;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fred::error::Error;
use fred::types::RespVersion;
use fred::types::config::{
    Config, ConnectionConfig, CredentialProvider, Options, Server, ServerConfig, TcpConfig, TlsConfig,
    TlsConnector, TlsHostMapping,
};

use super::{Protocol, Target};
use crate::url::{Address, Host};
use crate::{RedisError, Tls};

/// Where to connect to and as whom.
pub(super) fn client(target: &Target) -> Result<Config, RedisError> {
    let login = target.login.as_ref();
    let (version, word): (_, fn(&str) -> String) = match target.protocol {
        Protocol::Resp2 => (RespVersion::RESP2, str::to_owned),
        Protocol::Resp3 => (RespVersion::RESP3, word),
    };
    Ok(Config {
        server: match &target.address {
            Address::Tcp(host) => ServerConfig::Centralized { server: server(host) },
            Address::Unix(path) => ServerConfig::Unix { path: path.clone() },
        },
        username: login.and_then(|login| login.user.as_deref()).map(word),
        password: login.map(|login| word(&login.password)),
        // Zero is where every connection begins, and `SELECT` may not be permitted.
        database: Some(target.database).filter(|database| *database > 0),
        version,
        tls: target.tls.as_ref().map(tls).transpose()?,
        credential_provider: login.is_none().then(|| Arc::new(Nobody) as Arc<dyn CredentialProvider>),
        ..Config::default()
    })
}

/// `fred` looks for `name:port`, so that an IPv6 address needs brackets, and a certificate for the name as it is, where
/// there are none.
fn server(host: &Host) -> Server {
    let name = &host.name;
    let found_by = if name.contains(':') { format!("[{name}]") } else { name.clone() };
    Server::new_with_tls(found_by, host.port, Some(name.clone()))
}

fn tls(tls: &Tls) -> Result<TlsConfig, RedisError> {
    let config = tls.config().ok_or(RedisError::Connection(Cow::Borrowed(NOBODY_TRUSTED)))?;
    let connector = TlsConnector::Rustls(config.clone().into());
    Ok(TlsConfig { connector, hostnames: TlsHostMapping::None })
}

/// How to connect: once, and no command twice.
///
/// The queue of commands is not bounded here but by our own count. `fred` never again flushes its socket properly
/// after it has refused a command for lack of room.
pub(super) fn connection(limit: Duration) -> ConnectionConfig {
    ConnectionConfig {
        connection_timeout: limit,
        internal_command_timeout: limit,
        max_command_attempts: 1,
        max_redirections: 0,
        tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
        ..ConnectionConfig::default()
    }
}

/// Neither user nor password. Without a provider of credentials, `fred` begins with a `PING`, which a server that cannot write to
/// its disk refuses.
#[derive(Debug)]
struct Nobody;

type Credentials = Result<(Option<String>, Option<String>), Error>;

impl CredentialProvider for Nobody {
    fn fetch<'a, 'b, 'c>(
        &'a self,
        _: Option<&'b Server>,
    ) -> Pin<Box<dyn Future<Output = Credentials> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(ready(Ok((None, None))))
    }
}

/// For commands over a client that is not ours: fail at once while there is no connection, and never send one twice.
pub(super) fn once() -> Options {
    Options { max_attempts: Some(1), fail_fast: true, ..Options::default() }
}

/// `fred` sends its `HELLO` as a line of text, user and password as they are: with a space in one, the server would
/// read two words. Such a word is quoted, the way the server unquotes it.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let quoted: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{quoted}\"")
}

const NOBODY_TRUSTED: &str =
    "this system has no certificates of authorities, so that no server can be trusted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_brackets_where_they_are_looked_for() {
        for (host, found_by, certified) in [("[::1]:1", "[::1]", "::1"), ("redis:1", "redis", "redis")] {
            let server = server(&host.parse().unwrap());
            assert_eq!((&*server.host, server.tls_server_name.as_deref()), (found_by, Some(certified)));
        }
    }

    #[test]
    fn words_with_a_meaning_are_quoted() {
        assert_eq!(word("s3cret-!@#"), "s3cret-!@#");
        assert_eq!(word("a b"), r#""\x61\x20\x62""#);
        assert_eq!(word("\"\r\n"), r#""\x22\x0d\x0a""#);
        assert_eq!(word(""), r#""""#);
    }
}
