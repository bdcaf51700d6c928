//! Where the primary is, as Sentinels know it: see the
//! [client guidelines](https://redis.io/docs/latest/develop/reference/sentinel-clients/).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use crate::driver::{Connection, Reply, Request, Target};
use crate::url::{Address, Host, Sentinels};
use crate::{RedisConfig, RedisError};

/// Sentinels, and the primary to ask them for.
#[derive(Clone, Debug)]
pub(crate) struct Sentinel {
    config: Arc<RedisConfig>,
    sentinels: Sentinels,
}

impl Sentinel {
    pub(crate) const fn new(config: Arc<RedisConfig>, sentinels: Sentinels) -> Self {
        Self { config, sentinels }
    }

    /// The name under which they know it.
    pub(crate) fn service(&self) -> &str {
        &self.sentinels.service
    }

    /// The primary that most of the Sentinels name.
    pub(crate) async fn primary(&self) -> Result<Target, RedisError> {
        let mut asked: FuturesUnordered<_> = self.sentinels.hosts.iter().map(|host| self.ask(host)).collect();
        let mut named: Vec<(Host, usize)> = Vec::new();
        let mut error = RedisError::Connection(Cow::Borrowed("no Sentinel answers"));
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(host) => {
                    let votes = match named.iter_mut().find(|(known, _)| *known == host) {
                        Some((_, votes)) => {
                            *votes += 1;
                            *votes
                        }
                        None => {
                            named.push((host.clone(), 1));
                            1
                        }
                    };
                    // No other can have more.
                    if votes * 2 > self.sentinels.hosts.len() {
                        return Ok(self.target(host));
                    }
                }
                Err(cause) => error = cause,
            }
        }
        // Where some are away, the others decide.
        let most = named.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(host, _)| self.target(host)).ok_or(error)
    }

    /// Resolves when they name another primary than `target`.
    pub(crate) async fn moved_from(&self, target: &Target) -> RedisError {
        for sentinel in self.sentinels.hosts.iter().cycle() {
            sleep(INTERVAL).await;
            // One is asked at a time, and where it says something new, all of them. As long as none answers, nothing is
            // known.
            if let Ok(host) = self.ask(sentinel).await
                && Address::Tcp(host) != target.address
                && let Ok(primary) = self.primary().await
                && primary.address != target.address
            {
                break;
            }
        }
        RedisError::NotPrimary
    }

    async fn ask(&self, sentinel: &Host) -> Result<Host, RedisError> {
        let target = self.config.sentinel_target(sentinel);
        let question =
            Request::new("SENTINEL").arg("get-master-addr-by-name").arg(self.sentinels.service.clone());
        let reply = timeout(self.config.connect_timeout, async {
            let connection = Connection::open(&target).await?;
            connection.caller().call(question).await
        });
        match reply.await.map_err(|_| RedisError::silence())?? {
            Reply::List(address) => match &address[..] {
                [name, port] => {
                    let name = name.as_text().ok_or(RedisError::Protocol)?.to_owned();
                    let port = port.as_text().and_then(|port| port.parse().ok());
                    Ok(Host { name, port: port.ok_or(RedisError::Protocol)? })
                }
                _ => Err(RedisError::Protocol),
            },
            Reply::Nil => {
                Err(RedisError::Connection(Cow::Borrowed("the Sentinels know no primary of this name")))
            }
            Reply::Bytes(_) | Reply::Integer(_) => Err(RedisError::Protocol),
        }
    }

    fn target(&self, host: Host) -> Target {
        self.config.target(&Address::Tcp(host))
    }
}

/// How often they are asked whether the primary still is where it was. A primary that is cut off from them and not from
/// us would be written to for as long.
const INTERVAL: Duration = Duration::from_secs(1);
