//! Where the primary is, as Sentinels know it: see the
//! [client guidelines](https://redis.io/docs/latest/develop/reference/sentinel-clients/).

mod watch;

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::timeout;

use crate::driver::{Caller, Connection, Reply, Request, Target};
use crate::latest::latest;
use crate::purpose::Purpose;
use crate::url::{Address, Host, Sentinels};
use crate::{RedisConfig, RedisError};

/// Sentinels, and the primary to ask them for.
#[derive(Clone, Debug)]
pub(crate) struct Sentinel {
    config: Arc<RedisConfig>,
    sentinels: Sentinels,
}

/// What one of them says.
#[derive(Debug)]
struct Verdict {
    /// Of two verdicts, the one of the higher epoch is the later: each failover has its own.
    epoch: u64,
    primary: Host,
}

impl Sentinel {
    pub(crate) const fn new(config: Arc<RedisConfig>, sentinels: Sentinels) -> Self {
        Self { config, sentinels }
    }

    /// The name under which they know it.
    pub(crate) fn service(&self) -> &str {
        &self.sentinels.service
    }

    /// The primary, by the latest verdict of all who answer. They tell each other, but that takes them a second or two.
    pub(crate) async fn primary(&self) -> Result<Target, RedisError> {
        let verdict = latest(self.sentinels.hosts.iter().map(|host| self.ask(host)), |verdict| verdict.epoch);
        Ok(self.config.target(&Address::Tcp(verdict.await?.primary)))
    }

    async fn ask(&self, sentinel: &Host) -> Result<Verdict, RedisError> {
        timeout(self.config.connect_timeout, async {
            let connection = self.connect(sentinel).await?;
            self.question(connection.caller()).await
        })
        .await
        .map_err(|_| RedisError::silence())?
    }

    async fn connect(&self, sentinel: &Host) -> Result<Connection, RedisError> {
        let name = self.config.client_name(Purpose::Sentinel);
        Connection::open(&self.config.sentinel_target(sentinel), &name).await
    }

    async fn question(&self, sentinel: &Caller) -> Result<Verdict, RedisError> {
        let ask = |what| Request::new("SENTINEL").arg(what).arg(self.sentinels.service.clone());
        let (address, master) =
            tokio::try_join!(sentinel.call(ask("get-master-addr-by-name")), sentinel.call(ask("master")))?;
        if address == Reply::Nil {
            return Err(RedisError::Connection(Cow::Borrowed("the Sentinels know no primary of this name")));
        }
        Verdict::read(&address, &master).ok_or(RedisError::Protocol)
    }
}

impl Verdict {
    fn read(address: &Reply, master: &Reply) -> Option<Self> {
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
    fn verdicts_are_read() {
        let master = texts(&["name", "main", "ip", "10.0.0.1", "config-epoch", "7", "quorum", "2"]);
        let verdict = Verdict::read(&texts(&["10.0.0.2", "6379"]), &master).unwrap();
        assert_eq!((verdict.epoch, verdict.primary.to_string().as_str()), (7, "10.0.0.2:6379"));
        assert!(Verdict::read(&texts(&["10.0.0.2"]), &master).is_none());
        assert!(Verdict::read(&texts(&["10.0.0.2", "6379"]), &texts(&["name", "main"])).is_none());
    }
}
