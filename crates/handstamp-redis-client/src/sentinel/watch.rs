use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Sentinel;
use crate::driver::{Caller, Connection, Listener, Target};
use crate::url::{Address, Host};
use crate::{ConnectionRole, RedisError};

impl Sentinel {
    /// Resolves as soon as the Sentinels name another primary than `target`: writes to the old one are lost.
    ///
    /// One Sentinel is watched at a time, a random one first, and after half a minute the next: a Sentinel that is cut off
    /// from the others does not know of a failover.
    pub(crate) async fn moved_from(&self, target: &Target) {
        let hosts = &self.sentinels.hosts;
        let first = getrandom::u32().map_or(0, |random| random as usize % hosts.len().max(1));
        for sentinel in hosts.iter().cycle().skip(first) {
            let Ok(watched) = timeout(TURN, self.watch(sentinel, target)).await else { continue };
            // This Sentinel may be outdated, or not reply at all: all of them decide.
            if self.primary().await.is_ok_and(|primary| primary.address != target.address) {
                return;
            }
            let cause = watched.err();
            tracing::debug!(%sentinel, ?cause, "the Sentinels still name the same primary");
            sleep(SHORT_PAUSE).await;
        }
    }

    /// Resolves when this Sentinel names another primary.
    async fn watch(&self, sentinel: &Host, target: &Target) -> Result<(), RedisError> {
        let mut watched = self.listen(sentinel).await?;
        loop {
            let verdict = timeout(self.config.connect_timeout, self.query(watched.caller()));
            let verdict = verdict.await.map_err(|_| RedisError::unresponsive())??;
            if Address::Tcp(verdict.primary) != target.address {
                return Ok(());
            }
            watched.until_next_query().await?;
        }
    }

    async fn listen(&self, sentinel: &Host) -> Result<Watched, RedisError> {
        let name = self.config.connection_name(ConnectionRole::Sentinel);
        let target = self.config.sentinel_target(sentinel);
        match Listener::open(&target, &name, &EVENTS, false).await {
            Ok(listener) => Ok(Watched::ByEvents(listener)),
            Err(RedisError::ErrorReply(cause)) if cause.is_denial() => {
                tracing::debug!(%sentinel, %cause, "the Sentinel permits no subscription: querying it more often");
                Ok(Watched::ByQueries(self.connect(sentinel).await?))
            }
            Err(error) => Err(error),
        }
    }
}

/// A Sentinel that is being watched.
enum Watched {
    ByEvents(Listener),
    ByQueries(Connection),
}

impl Watched {
    fn caller(&self) -> &Caller {
        match self {
            Self::ByEvents(listener) => listener.connection().caller(),
            Self::ByQueries(connection) => connection.caller(),
        }
    }

    /// Waits for an event, possibly about another primary of the Sentinel, or else for the next query without one.
    async fn until_next_query(&mut self) -> Result<(), RedisError> {
        match self {
            Self::ByEvents(listener) => match timeout(LONG_PAUSE, listener.next()).await {
                Ok(received) => received.map(|_| ()),
                Err(_) => Ok(()),
            },
            Self::ByQueries(_) => {
                sleep(SHORT_PAUSE).await;
                Ok(())
            }
        }
    }
}

/// The events after which a Sentinel may name another primary: it has adopted the configuration of another Sentinel, it
/// has promoted a replica itself (`+switch-master` follows only once all other replicas are reconfigured), or an operator
/// has reconfigured it.
const EVENTS: [&str; 3] = ["+switch-master", "+promoted-slave", "+monitor"];

/// The pause between queries with a subscription: events can be missed.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// The pause between queries without a subscription.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// How long one Sentinel is watched before the next.
const TURN: Duration = Duration::from_secs(30);
