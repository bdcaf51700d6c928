use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::circuit::Circuit;
use super::connection_state::{ConnectionCounters, ConnectionState, LiveConnection};
use super::endpoint::Endpoint;
use super::logged_causes::LoggedCauses;
use super::role_query::RoleQuery;
use crate::backoff::Backoff;
use crate::command::Limit;
use crate::driver::{Caller, Connection, ServerInfo, Target};
use crate::{Command, ErrorReply, RedisConfig, RedisError};

/// The task that makes the connection to a server, and replaces it.
pub(super) struct Supervisor {
    pub(super) config: Arc<RedisConfig>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) client_name: String,
    pub(super) state: Arc<watch::Sender<ConnectionState>>,
    pub(super) counters: Arc<watch::Sender<ConnectionCounters>>,
    pub(super) probe_requests: Arc<Notify>,
    pub(super) circuit: Arc<Circuit>,
    pub(super) roles: Arc<RoleQuery>,
    pub(super) logged_causes: Arc<LoggedCauses>,
}

impl Supervisor {
    /// ## Connecting => Up      the server replies
    /// ## Connecting => Down    it does not
    /// ## Up => Connecting      the connection is lost, or another one replies while it does not
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
                    self.circuit.probe_succeeded();
                    let info = connection.info().clone();
                    // Subscriptions beside another server end before the first command can go to this one.
                    if before.is_some_and(|before| !info.continues(&before)) {
                        ConnectionCounters::leave_server(&self.counters);
                    }
                    before = Some(info.clone());
                    let live =
                        LiveConnection { caller: connection.caller().clone(), target: target.clone(), info };
                    if !self.advance(ConnectionState::Up(live.clone())) {
                        return;
                    }
                    tracing::info!(server = %target.address, "connected to Redis");
                    let since = Instant::now();
                    let cause = match self.end_of(&connection, live).await {
                        End::Lost(cause) => cause,
                        End::Replaced(opened) => {
                            replacement = Some(opened);
                            RedisError::unresponsive()
                        }
                    };
                    cluster_was_down = is_cluster_down(&cause);
                    let next = if cluster_was_down {
                        ConnectionState::Down(cause.clone())
                    } else {
                        ConnectionState::Connecting
                    };
                    if !self.advance(next) {
                        return;
                    }
                    self.counters.send_modify(|counters| {
                        counters.connections += 1;
                        counters.servers += u64::from(self.ends_subscriptions(&cause));
                    });
                    self.log_loss(&target, &cause);
                    if since.elapsed() >= STABLE && !cluster_was_down {
                        if !needs_intervention(&cause) {
                            self.logged_causes.clear();
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

    /// A connection. After `CLUSTERDOWN`, one on which the server says that the cluster is up again: the driver ends a
    /// connection with that error reply.
    async fn open(&self, cluster_was_down: bool) -> Result<Opened, RedisError> {
        let (connection, target) =
            self.endpoint.open(self.config.protocol(), &self.client_name, &self.roles).await?;
        if cluster_was_down {
            let query = Command::probe("CLUSTER").arg("INFO");
            let info = timeout(self.config.connect_timeout, connection.caller().call(&query)).await;
            let info = info.map_err(|_| RedisError::unresponsive())??;
            if !info.as_text().is_some_and(|info| info.contains("cluster_state:ok")) {
                return Err(RedisError::ErrorReply(ErrorReply::parse("CLUSTERDOWN")));
            }
        }
        Ok((connection, target))
    }

    /// Whether a connection that ended for this reason ends the subscriptions beside it, whatever the next one leads to.
    /// Servers track reads for a connection, and forget them with it.
    fn ends_subscriptions(&self, cause: &RedisError) -> bool {
        self.config.tracking || *cause == RedisError::NotPrimary
    }

    fn log_loss(&self, target: &Target, cause: &RedisError) {
        let server = &target.address;
        if !needs_intervention(cause) {
            tracing::info!(%server, %cause, "lost the connection to Redis");
        } else if self.logged_causes.is_new(cause) {
            tracing::warn!(%server, %cause, "left the Redis server");
        } else {
            tracing::debug!(%server, %cause, "left the Redis server again");
        }
    }

    /// An attempt to connect has failed. Returns whether to try again.
    fn fail(&self, cause: RedisError) -> bool {
        if cause == RedisError::NotPrimary {
            ConnectionCounters::leave_server(&self.counters);
        }
        if self.logged_causes.is_new(&cause) {
            tracing::warn!(server = %self.endpoint, %cause, "cannot connect to Redis");
        } else {
            tracing::debug!(server = %self.endpoint, %cause, "still cannot connect to Redis");
        }
        self.advance(ConnectionState::Down(cause))
    }

    /// Resolves when the connection is lost, or a requested probe of it fails. The probe distinguishes a dead connection from a
    /// node that is too busy to read its replies, a connection that is out of step from a corrupt record, and a primary from a
    /// demoted server.
    ///
    /// ## Up => Connecting             the probe gets no reply in time
    /// ## Connecting, Down => Up       it replies after all, before another connection does
    async fn end_of(&self, connection: &Connection, live: LiveConnection) -> End {
        let mut moved = pin!(self.endpoint.moved_from(&live.target));
        loop {
            tokio::select! {
                cause = connection.lost() => return End::Lost(cause),
                () = &mut moved => return End::Lost(RedisError::NotPrimary),
                () = self.probe_requests.notified() => {}
            }
            let mut probe = pin!(self.probe(connection.caller()));
            let in_time = timeout(self.config.limit(Limit::Probe), &mut probe).await;
            let late = in_time.is_err();
            let probed = match in_time {
                Ok(probed) => probed,
                Err(_) => {
                    // Commands wait for the connection that replies first.
                    self.advance(ConnectionState::Connecting);
                    tokio::select! {
                        biased;
                        cause = connection.lost() => return End::Lost(cause),
                        () = &mut moved => return End::Lost(RedisError::NotPrimary),
                        probed = &mut probe => probed,
                        // Boxed, because making a connection is a large future, and a rare one.
                        opened = Box::pin(self.open_another()) => return End::Replaced(opened),
                    }
                }
            };
            match probed {
                Ok(()) | Err(RedisError::ErrorReply(_)) => self.circuit.probe_succeeded(),
                Err(cause) => return End::Lost(cause),
            }
            if late {
                tracing::info!(server = %live.target.address, "Redis replies again");
                self.advance(ConnectionState::Up(live.clone()));
            }
        }
    }

    /// Another connection. A stalled server replies on none; if another connection replies, the first is dead.
    async fn open_another(&self) -> Opened {
        let mut backoff = Backoff::new();
        loop {
            match self.open(false).await {
                Ok(opened) => return opened,
                Err(cause) => _ = self.fail(cause),
            }
            sleep(backoff.next_wait()).await;
        }
    }

    /// Two different commands: if their replies are shifted by one, at least one is unexpected.
    async fn probe(&self, caller: &Caller) -> Result<(), RedisError> {
        match join(caller.ping(), self.endpoint.check(caller, &self.roles)).await {
            (Ok(()), checked) => checked,
            // A server that cannot write to its disk rejects a `PING`, too.
            (Err(RedisError::ErrorReply(reply)), checked) => checked.and(Err(RedisError::ErrorReply(reply))),
            (Err(error), _) => Err(error),
        }
    }

    fn advance(&self, next: ConnectionState) -> bool {
        ConnectionState::advance(&self.state, next)
    }
}

/// A connection, and where it leads.
type Opened = (Connection, Arc<Target>);

/// How a connection ended.
enum End {
    Lost(RedisError),
    /// It does not reply, and this one does.
    Replaced(Opened),
}

fn is_cluster_down(cause: &RedisError) -> bool {
    matches!(cause, RedisError::ErrorReply(reply) if reply.is_cluster_down())
}

/// Whether an operator has to do something about it.
const fn needs_intervention(cause: &RedisError) -> bool {
    matches!(cause, RedisError::NotPrimary | RedisError::ErrorReply(_))
}

/// A connection that lasted this long is replaced at once when it is lost; another one after a pause.
const STABLE: Duration = Duration::from_secs(1);
