use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use handstamp_store::Backoff;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::circuit::Circuit;
use super::link::{Link, Lives};
use super::place::Place;
use crate::driver::{Caller, Connection, Request, Target};
use crate::{RedisConfig, RedisError, Refusal, Transport};

/// The task that makes the connection to a server, and makes it anew.
pub(super) struct Supervisor {
    pub(super) config: Arc<RedisConfig>,
    pub(super) place: Arc<Place>,
    pub(super) link: Arc<watch::Sender<Link>>,
    pub(super) lives: Arc<watch::Sender<Lives>>,
    pub(super) doubt: Arc<Notify>,
    pub(super) circuit: Arc<Circuit>,
}

impl Supervisor {
    /// ## Connecting => Up      the server answers
    /// ## Connecting => Down    it does not
    /// ## Up => Connecting      the connection is lost, or does not answer any more
    /// ## Down => Up            a later attempt succeeds
    /// ## _ => Closed           for good
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        let mut cluster_was_down = false;
        loop {
            match self.open(cluster_was_down).await {
                Ok((connection, target)) => {
                    self.circuit.answered();
                    if !self.advance(Link::Up(connection.caller().clone(), target.clone())) {
                        return;
                    }
                    tracing::info!(server = %target.address, "connected to the session store");
                    let since = Instant::now();
                    let cause = self.end_of(&connection, &target).await;
                    cluster_was_down = self.survives(&cause);
                    let next = if cluster_was_down { Link::Down(cause.clone()) } else { Link::Connecting };
                    if !self.advance(next) {
                        return;
                    }
                    // In this order: who sees the new life does not see the old connection any more.
                    self.lives.send_modify(|lives| {
                        lives.connections += 1;
                        lives.servers += u64::from(!cluster_was_down);
                    });
                    match cause {
                        // Somebody has to do something about it.
                        RedisError::Refused(_) | RedisError::NotPrimary => {
                            tracing::warn!(server = %target.address, %cause, "left the session store");
                        }
                        _ => {
                            tracing::info!(
                                server = %target.address, %cause, "lost the connection to the session store"
                            );
                        }
                    }
                    if since.elapsed() >= STABLE && !cluster_was_down {
                        backoff = Backoff::new();
                        continue;
                    }
                }
                Err(cause) => {
                    tracing::debug!(place = ?self.place, %cause, "cannot connect to the session store");
                    if !self.advance(Link::Down(cause)) {
                        return;
                    }
                }
            }
            sleep(backoff.next_wait()).await;
        }
    }

    /// A connection. If the cluster was down, one through which it says that it is not any more: the client library ends a
    /// connection on which a command is refused for that.
    async fn open(&self, cluster_was_down: bool) -> Result<(Connection, Arc<Target>), RedisError> {
        let (connection, target) = self.place.open(self.config.protocol()).await?;
        if cluster_was_down {
            let info = connection.caller().call(Request::new("CLUSTER").arg("INFO")).await?;
            if !info.as_text().is_some_and(|info| info.contains("cluster_state:ok")) {
                return Err(RedisError::Refused(Refusal::read("CLUSTERDOWN")));
            }
        }
        Ok((connection, target))
    }

    /// Whether a connection that ended for this reason led to the server that the next one will lead to. Servers that tell
    /// of changes have to be told anew where to, in any case.
    fn survives(&self, cause: &RedisError) -> bool {
        self.config.invalidation == Transport::PubSub
            && matches!(cause, RedisError::Refused(refusal) if refusal.code() == "CLUSTERDOWN")
    }

    /// Resolves when the connection is lost, or there is a doubt about it and the server does not answer as it should:
    /// that tells a connection that is dead from a node that is too busy to look at the answers it has, one that is out
    /// of step from a record that somebody spoilt, and a primary from a server that was one.
    async fn end_of(&self, connection: &Connection, target: &Target) -> RedisError {
        let mut moved = pin!(self.place.moved_from(target));
        loop {
            tokio::select! {
                cause = connection.lost() => return cause,
                () = &mut moved => return RedisError::NotPrimary,
                () = self.doubt.notified() => {
                    match timeout(self.config.command_timeout, self.check(connection.caller())).await {
                        Ok(Ok(()) | Err(RedisError::Refused(_))) => self.circuit.answered(),
                        Ok(Err(cause)) => return cause,
                        Err(_) => return RedisError::silence(),
                    }
                }
            }
        }
    }

    /// Two commands, since one that follows its like would not notice that it gets the other's answer.
    async fn check(&self, caller: &Caller) -> Result<(), RedisError> {
        caller.ping().await?;
        self.place.check(caller).await
    }

    fn advance(&self, next: Link) -> bool {
        Link::advance(&self.link, next)
    }
}

/// A connection that lasted so long is made anew at once when it is lost; another one after a pause.
const STABLE: Duration = Duration::from_secs(1);
