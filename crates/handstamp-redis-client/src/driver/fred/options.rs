use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fred::error::Error;
use fred::types::RespVersion;
use fred::types::config::{
    Config, ConnectionConfig, CredentialProvider, Server, ServerConfig, TcpConfig, TlsConfig, TlsConnector,
    TlsHostMapping,
};

use crate::driver::{Protocol, Target, io_errors};
use crate::url::{Address, Host};
use crate::{RedisError, Tls};

/// The server and the credentials.
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
        credential_provider: login.is_none().then(|| Arc::new(NoCredentials) as Arc<dyn CredentialProvider>),
        ..Config::default()
    })
}

/// fred connects to `name:port`, so that an IPv6 address needs brackets; the name that the certificate must have needs none.
fn server(host: &Host) -> Server {
    let name = &host.name;
    let address = if name.contains(':') { format!("[{name}]") } else { name.clone() };
    Server::new_with_tls(address, host.port, Some(name.clone()))
}

fn tls(tls: &Tls) -> Result<TlsConfig, RedisError> {
    let config = tls.config().ok_or_else(io_errors::no_trusted_authority)?;
    let connector = TlsConnector::Rustls(config.clone().into());
    Ok(TlsConfig { connector, hostnames: TlsHostMapping::None })
}

/// One attempt to connect, and no command is sent twice.
///
/// [`RedisConfig::max_in_flight`](crate::RedisConfig::max_in_flight) bounds the queue of commands, not fred, which no longer
/// flushes its socket properly once it has rejected a command for lack of room.
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

/// Without a provider of credentials, fred begins with a `PING`, which a server that cannot write to its disk rejects.
#[derive(Debug)]
struct NoCredentials;

type Credentials = Result<(Option<String>, Option<String>), Error>;

impl CredentialProvider for NoCredentials {
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

/// fred sends its `HELLO` as a line of text, with user and password unquoted: a space would split a word in two. This quotes
/// a word the way the server unquotes it.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let quoted: String = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_have_brackets_except_for_certificates() {
        for (host, address, certified) in [("[::1]:1", "[::1]", "::1"), ("redis:1", "redis", "redis")] {
            let server = server(&host.parse().unwrap());
            assert_eq!((&*server.host, server.tls_server_name.as_deref()), (address, Some(certified)));
        }
    }

    #[test]
    fn words_with_special_characters_are_quoted() {
        assert_eq!(word("s3cret-!@#"), "s3cret-!@#");
        assert_eq!(word("a b"), r#""\x61\x20\x62""#);
        assert_eq!(word("\"\r\n"), r#""\x22\x0d\x0a""#);
        assert_eq!(word(""), r#""""#);
    }
}
