use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Sentinel;
use crate::driver::{Caller, Connection, Listener, Target};
use crate::purpose::Purpose;
use crate::url::{Address, Host};
use crate::{RedisError, Transport};

impl Sentinel {
    /// Resolves when the Sentinels name another primary than `target`: at once, because writes to the old one are lost.
    ///
    /// One Sentinel is watched at a time, a random one first, and after a while the next: one that has lost touch with
    /// the others does not know.
    pub(crate) async fn moved_from(&self, target: &Target) {
        let hosts = &self.sentinels.hosts;
        let first = getrandom::u32().map_or(0, |random| random as usize % hosts.len().max(1));
        for sentinel in hosts.iter().cycle().skip(first) {
            let Ok(watched) = timeout(TURN, self.watch(sentinel, target)).await else { continue };
            // One may know less than the others, and one that does not answer knows nothing.
            if self.primary().await.is_ok_and(|primary| primary.address != target.address) {
                return;
            }
            let cause = watched.err();
            tracing::debug!(%sentinel, ?cause, "the Sentinels do not say that the primary has moved");
            sleep(SHORT_PAUSE).await;
        }
    }

    /// Resolves when this Sentinel names another primary.
    async fn watch(&self, sentinel: &Host, target: &Target) -> Result<(), RedisError> {
        let mut watched = self.listen(sentinel).await?;
        loop {
            let asked = timeout(self.config.connect_timeout, self.question(watched.caller()));
            let verdict = asked.await.map_err(|_| RedisError::silence())??;
            if Address::Tcp(verdict.primary) != target.address {
                return Ok(());
            }
            watched.until_worth_asking().await?;
        }
    }

    async fn listen(&self, sentinel: &Host) -> Result<Watched, RedisError> {
        let name = self.config.client_name(Purpose::Sentinel);
        let place = self.config.sentinel_target(sentinel);
        match Listener::open(&place, &name, &EVENTS, Transport::PubSub).await {
            Ok(listener) => Ok(Watched::ByEvents(listener)),
            Err(RedisError::Refused(cause)) if cause.is_denial() => {
                tracing::debug!(%sentinel, %cause, "the Sentinel permits no subscription: asking it more often");
                Ok(Watched::ByAsking(self.connect(sentinel).await?))
            }
            Err(error) => Err(error),
        }
    }
}

/// A Sentinel that is being watched.
enum Watched {
    ByEvents(Listener),
    ByAsking(Connection),
}

impl Watched {
    fn caller(&self) -> &Caller {
        match self {
            Self::ByEvents(listener) => listener.connection().caller(),
            Self::ByAsking(connection) => connection.caller(),
        }
    }

    /// Waits for an event, be it about another primary that the Sentinel knows, or else for the time to ask without.
    async fn until_worth_asking(&mut self) -> Result<(), RedisError> {
        match self {
            Self::ByEvents(listener) => match timeout(LONG_PAUSE, listener.next()).await {
                Ok(received) => received.map(|_| ()),
                Err(_) => Ok(()),
            },
            Self::ByAsking(_) => {
                sleep(SHORT_PAUSE).await;
                Ok(())
            }
        }
    }
}

/// The events after which a Sentinel may name another primary: it has adopted the configuration of another Sentinel, it
/// has promoted a replica itself (`+switch-master` follows only once all other replicas are reconfigured), or it was told
/// by hand.
const EVENTS: [&str; 3] = ["+switch-master", "+promoted-slave", "+monitor"];

/// The pause between questions while events are heard: those are not all there may be.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// The pause between questions where no event is heard.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// How long one Sentinel is watched.
const TURN: Duration = Duration::from_secs(30);
