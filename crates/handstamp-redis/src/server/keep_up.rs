use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use handstamp_store::Backoff;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::circuit::Circuit;
use super::link::{Link, Live, Lives};
use super::place::Place;
use super::role_query::RoleQuery;
use super::told::Told;
use crate::driver::{Caller, Connection, Request, ServerInfo, Target};
use crate::limit::Limit;
use crate::{RedisConfig, RedisError, Refusal, Transport};

/// The task that makes the connection to a server, and makes it anew.
pub(super) struct Supervisor {
    pub(super) config: Arc<RedisConfig>,
    pub(super) place: Arc<Place>,
    /// The name of the connection.
    pub(super) name: String,
    pub(super) link: Arc<watch::Sender<Link>>,
    pub(super) lives: Arc<watch::Sender<Lives>>,
    pub(super) doubt: Arc<Notify>,
    pub(super) circuit: Arc<Circuit>,
    pub(super) roles: Arc<RoleQuery>,
    pub(super) told: Arc<Told>,
}

impl Supervisor {
    /// ## Connecting => Up      the server answers
    /// ## Connecting => Down    it does not
    /// ## Up => Connecting      the connection is lost, or another one answers while it does not
    /// ## Down => Up            a later attempt succeeds
    /// ## _ => Closed           for good
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        let mut cluster_was_down = false;
        let mut before: Option<Arc<ServerInfo>> = None;
        let mut replacement = None;
        loop {
            let opened = match replacement.take() {
                Some(opened) => Ok(opened),
                None => self.open(cluster_was_down).await,
            };
            match opened {
                Ok((connection, target)) => {
                    self.circuit.answered();
                    let info = connection.info().clone();
                    // Before commands can go there: whatever is believed on the strength of the server before ends first.
                    if before.is_some_and(|before| !info.continues(&before)) {
                        Lives::leave_server(&self.lives);
                    }
                    before = Some(info.clone());
                    let live = Live { caller: connection.caller().clone(), target: target.clone(), info };
                    if !self.advance(Link::Up(live.clone())) {
                        return;
                    }
                    tracing::info!(server = %target.address, "connected to the session store");
                    let since = Instant::now();
                    let cause = match self.end_of(&connection, live).await {
                        End::Lost(cause) => cause,
                        End::Replaced(opened) => {
                            replacement = Some(opened);
                            RedisError::silence()
                        }
                    };
                    cluster_was_down = is_cluster_down(&cause);
                    let next = if cluster_was_down { Link::Down(cause.clone()) } else { Link::Connecting };
                    if !self.advance(next) {
                        return;
                    }
                    self.lives.send_modify(|lives| {
                        lives.connections += 1;
                        lives.servers += u64::from(self.ends_trust(&cause));
                    });
                    self.tell_loss(&target, &cause);
                    if since.elapsed() >= STABLE && !cluster_was_down {
                        if !needs_help(&cause) {
                            self.told.forget();
                        }
                        backoff = Backoff::new();
                        continue;
                    }
                    if replacement.is_some() {
                        continue;
                    }
                }
                Err(cause) => {
                    if !self.fail(cause) {
                        return;
                    }
                }
            }
            sleep(backoff.next_wait()).await;
        }
    }

    /// A connection. If the cluster was down, one through which it says that it is not any more: the client library ends a
    /// connection on which a command is refused for that.
    async fn open(&self, cluster_was_down: bool) -> Result<Opened, RedisError> {
        let (connection, target) = self.place.open(self.config.protocol(), &self.name, &self.roles).await?;
        if cluster_was_down {
            let info = connection.caller().call(Request::new("CLUSTER").arg("INFO"));
            let info =
                timeout(self.config.connect_timeout, info).await.map_err(|_| RedisError::silence())??;
            if !info.as_text().is_some_and(|info| info.contains("cluster_state:ok")) {
                return Err(RedisError::Refused(Refusal::read("CLUSTERDOWN")));
            }
        }
        Ok((connection, target))
    }

    /// Whether a subscription made beside a connection that ended for this reason must end, whatever the next connection
    /// leads to. Servers that track reads do so for a connection, and forget them with it.
    fn ends_trust(&self, cause: &RedisError) -> bool {
        self.config.invalidation == Transport::Tracking || *cause == RedisError::NotPrimary
    }

    fn tell_loss(&self, target: &Target, cause: &RedisError) {
        let server = &target.address;
        if !needs_help(cause) {
            tracing::info!(%server, %cause, "lost the connection to the session store");
        } else if self.told.is_news(cause) {
            tracing::warn!(%server, %cause, "left the session store");
        } else {
            tracing::debug!(%server, %cause, "left the session store again");
        }
    }

    /// A connection could not be made. Returns whether there is to be one.
    fn fail(&self, cause: RedisError) -> bool {
        if cause == RedisError::NotPrimary {
            Lives::leave_server(&self.lives);
        }
        if self.told.is_news(&cause) {
            tracing::warn!(server = %self.place, %cause, "cannot connect to the session store");
        } else {
            tracing::debug!(server = %self.place, %cause, "still cannot connect to the session store");
        }
        self.advance(Link::Down(cause))
    }

    /// Resolves when the connection is lost, or there is a doubt about it and the server does not answer as it should:
    /// that tells a connection that is dead from a node that is too busy to look at the answers it has, one that is out
    /// of step from a record that somebody spoilt, and a primary from a server that was one.
    ///
    /// ## Up => Connecting             the connection is silent
    /// ## Connecting, Down => Up       it replies after all, before another one does
    async fn end_of(&self, connection: &Connection, live: Live) -> End {
        let mut moved = pin!(self.place.moved_from(&live.target));
        loop {
            tokio::select! {
                cause = connection.lost() => return End::Lost(cause),
                () = &mut moved => return End::Lost(RedisError::NotPrimary),
                () = self.doubt.notified() => {}
            }
            let mut check = pin!(self.check(connection.caller()));
            let in_time = timeout(self.config.limit(Limit::Probe), &mut check).await;
            let silent = in_time.is_err();
            let checked = match in_time {
                Ok(checked) => checked,
                Err(_) => {
                    // Commands wait for whichever connection replies first.
                    self.advance(Link::Connecting);
                    tokio::select! {
                        biased;
                        cause = connection.lost() => return End::Lost(cause),
                        () = &mut moved => return End::Lost(RedisError::NotPrimary),
                        checked = &mut check => checked,
                        // Boxed, because making a connection is a large future, and a rare one.
                        opened = Box::pin(self.another()) => return End::Replaced(opened),
                    }
                }
            };
            match checked {
                Ok(()) | Err(RedisError::Refused(_)) => self.circuit.answered(),
                Err(cause) => return End::Lost(cause),
            }
            if silent {
                tracing::info!(server = %live.target.address, "the session store replies again");
                self.advance(Link::Up(live.clone()));
            }
        }
    }

    /// Another connection. A server that stands still replies on none; where another one replies, the first is dead.
    async fn another(&self) -> Opened {
        let mut backoff = Backoff::new();
        loop {
            match self.open(false).await {
                Ok(opened) => return opened,
                Err(cause) => _ = self.fail(cause),
            }
            sleep(backoff.next_wait()).await;
        }
    }

    /// Two commands, since one that follows its like would not invalidation that it gets the other's answer.
    async fn check(&self, caller: &Caller) -> Result<(), RedisError> {
        match join(caller.ping(), self.place.check(caller, &self.roles)).await {
            (Ok(()), checked) => checked,
            // A server that cannot write to its disk refuses a `PING`, too.
            (Err(RedisError::Refused(refusal)), checked) => checked.and(Err(RedisError::Refused(refusal))),
            (Err(error), _) => Err(error),
        }
    }

    fn advance(&self, next: Link) -> bool {
        Link::advance(&self.link, next)
    }
}

/// A connection, and where it leads.
type Opened = (Connection, Arc<Target>);

/// What became of a connection.
enum End {
    Lost(RedisError),
    /// It is silent, and this one replies.
    Replaced(Opened),
}

fn is_cluster_down(cause: &RedisError) -> bool {
    matches!(cause, RedisError::Refused(refusal) if refusal.code() == "CLUSTERDOWN")
}

/// Whether somebody has to do something about it.
fn needs_help(cause: &RedisError) -> bool {
    matches!(cause, RedisError::NotPrimary | RedisError::Refused(_))
}

/// A connection that lasted so long is made anew at once when it is lost; another one after a pause.
const STABLE: Duration = Duration::from_secs(1);
