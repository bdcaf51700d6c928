//! The primary, as Sentinels name it: see the
//! [client guidelines](https://redis.io/docs/latest/develop/reference/sentinel-clients/).

mod watch;

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::timeout;

use crate::driver::{Caller, Connection, Target};
use crate::highest_epoch::highest_epoch;
use crate::url::{Address, Host, Sentinels};
use crate::{Command, ConnectionRole, RedisConfig, RedisError, Reply};

/// Sentinels, and the name of their primary.
#[derive(Clone, Debug)]
pub(crate) struct Sentinel {
    config: Arc<RedisConfig>,
    sentinels: Sentinels,
}

/// The reply of one Sentinel.
#[derive(Debug)]
struct Verdict {
    /// Of two verdicts, the one of the higher epoch is newer: each failover has its own.
    epoch: u64,
    primary: Host,
}

impl Sentinel {
    pub(crate) const fn new(config: Arc<RedisConfig>, sentinels: Sentinels) -> Self {
        Self { config, sentinels }
    }

    /// The name under which they know the primary.
    pub(crate) fn service(&self) -> &str {
        &self.sentinels.service
    }

    /// The primary, by the newest verdict. All Sentinels are queried, because they take a second or two to inform each other.
    pub(crate) async fn primary(&self) -> Result<Target, RedisError> {
        let queries = self.sentinels.hosts.iter().map(|host| self.connect_and_query(host));
        let verdict = highest_epoch(queries, |verdict| verdict.epoch).await?;
        Ok(self.config.target(&Address::Tcp(verdict.primary)))
    }

    async fn connect_and_query(&self, sentinel: &Host) -> Result<Verdict, RedisError> {
        timeout(self.config.connect_timeout, async {
            let connection = self.connect(sentinel).await?;
            self.query(connection.caller()).await
        })
        .await
        .map_err(|_| RedisError::unresponsive())?
    }

    async fn connect(&self, sentinel: &Host) -> Result<Connection, RedisError> {
        let name = self.config.connection_name(ConnectionRole::Sentinel);
        Connection::open(&self.config.sentinel_target(sentinel), &name).await
    }

    async fn query(&self, sentinel: &Caller) -> Result<Verdict, RedisError> {
        let [address, master] = ["get-master-addr-by-name", "master"]
            .map(|query| Command::probe("SENTINEL").arg(query).arg(self.sentinels.service.clone()));
        let (address, master) = tokio::try_join!(sentinel.call(&address), sentinel.call(&master))?;
        if address == Reply::Nil {
            return Err(RedisError::Connection(Cow::Borrowed("the Sentinels know no primary of this name")));
        }
        Verdict::parse(&address, &master).ok_or(RedisError::UnexpectedReply)
    }
}

impl Verdict {
    fn parse(address: &Reply, master: &Reply) -> Option<Self> {
        let [name, port] = address.as_list()? else { return None };
        let primary = Host { name: name.as_text()?.to_owned(), port: port.as_text()?.parse().ok()? };
        let mut fields = master.as_list()?.chunks_exact(2);
        let epoch = fields.find(|field| field[0].as_text() == Some("config-epoch"))?[1].as_text()?;
        Some(Self { epoch: epoch.parse().ok()?, primary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Reply {
        Reply::List(texts.iter().map(|text| Reply::Bytes((*text).to_owned().into())).collect())
    }

    #[test]
    fn verdicts_are_parsed() {
        let master = texts(&["name", "main", "ip", "10.0.0.1", "config-epoch", "7", "quorum", "2"]);
        let verdict = Verdict::parse(&texts(&["10.0.0.2", "6379"]), &master).unwrap();
        assert_eq!((verdict.epoch, verdict.primary.to_string().as_str()), (7, "10.0.0.2:6379"));
        assert!(Verdict::parse(&texts(&["10.0.0.2"]), &master).is_none());
        assert!(Verdict::parse(&texts(&["10.0.0.2", "6379"]), &texts(&["name", "main"])).is_none());
    }
}
