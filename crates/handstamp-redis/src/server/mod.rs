mod breaker;
mod breaker_settings;
mod circuit;
mod failure_rate;
mod keep_up;
mod link;
mod place;
mod role_query;
mod rounds;
mod told;
mod trial;
mod write_probe;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

pub use self::breaker::CircuitState;
pub use self::breaker_settings::BreakerSettings;
use self::circuit::Circuit;
pub use self::circuit::{CircuitEvent, ConnectionRole};
use self::keep_up::Supervisor;
pub(crate) use self::link::Replaced;
use self::link::{Link, Live, Lives};
pub(crate) use self::place::Place;
use self::role_query::RoleQuery;
use self::rounds::Rounds;
pub(crate) use self::told::Told;
use self::trial::Trial;
use self::write_probe::Kept;
pub(crate) use self::write_probe::WriteProbe;
use crate::driver::{Caller, Listener, Reply, Request, ServerInfo, time_of};
use crate::limit::Limit;
use crate::purpose::Purpose;
use crate::{Channel, RedisConfig, RedisError, Transport};

/// A server: a connection to it for commands, which is kept up, and subscriptions, each on a connection of its own.
pub(crate) struct Server {
    config: Arc<RedisConfig>,
    place: Arc<Place>,
    link: Arc<watch::Sender<Link>>,
    lives: Arc<watch::Sender<Lives>>,
    /// The writes that wait for replicas.
    rounds: Rounds,
    /// The connection may be dead, or out of step.
    doubt: Arc<Notify>,
    circuit: Arc<Circuit>,
    roles: Arc<RoleQuery>,
    told: Arc<Told>,
    in_flight: Semaphore,
    /// The connection for checks of writes, while there is no such check.
    kept: Mutex<Option<Kept>>,
    supervisor: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) fn start(
        config: Arc<RedisConfig>,
        place: Place,
        purpose: ConnectionRole,
        events: broadcast::Sender<CircuitEvent>,
    ) -> Self {
        let place = Arc::new(place);
        let link = Arc::new(watch::Sender::new(Link::Connecting));
        let lives = Arc::new(watch::Sender::new(Lives::default()));
        let (doubt, roles, told) = (Arc::default(), Arc::default(), Arc::default());
        let circuit = Arc::new(Circuit::new(&place.to_string(), purpose, config.breaker, events));
        let supervisor = Supervisor {
            config: config.clone(),
            place: place.clone(),
            name: config.client_name(purpose.into()),
            link: link.clone(),
            lives: lives.clone(),
            doubt: Arc::clone(&doubt),
            circuit: circuit.clone(),
            roles: Arc::clone(&roles),
            told: Arc::clone(&told),
        };
        Self {
            in_flight: Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS)),
            supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor.run())),
            config,
            place,
            link,
            lives,
            rounds: Rounds::default(),
            doubt,
            circuit,
            roles,
            told,
            kept: Mutex::default(),
        }
    }

    /// The answer to a command.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, request: Request, limit: Limit) -> Result<Reply, RedisError> {
        self.admitted(limit, |caller| async move { caller.call(request).await }).await
    }

    /// The answer to a command for a key that is just moving here from another server.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn ask(&self, request: Request, limit: Limit) -> Result<Reply, RedisError> {
        self.admitted(limit, |caller| async move { caller.ask(request).await }).await
    }

    /// The answer to a command, once so many replicas have it. Those behind it on the same connection wait, too.
    ///
    /// # Errors
    ///
    /// When too few replicas have it in time, though it was carried out.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call_and_wait(&self, request: Request, replicas: u32) -> Result<Reply, RedisError> {
        let connection = self.lives.borrow().connections;
        let reply = self.call(request, Limit::Write).await?;
        self.replicated(connection, replicas).await.map(|()| reply)
    }

    /// Both at once.
    ///
    /// # Errors
    ///
    /// When too few replicas have it in time, though it was carried out.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn ask_and_wait(&self, request: Request, replicas: u32) -> Result<Reply, RedisError> {
        let connection = self.lives.borrow().connections;
        let reply = self.ask(request, Limit::Write).await?;
        self.replicated(connection, replicas).await.map(|()| reply)
    }

    /// Waits until so many replicas have what was written over this connection. Many wait together: while the server waits,
    /// it does nothing else for this connection.
    async fn replicated(&self, connection: u64, replicas: u32) -> Result<(), RedisError> {
        let wait = || async {
            self.call(self.wait(replicas), Limit::Write).await?.as_integer().ok_or(RedisError::Protocol)
        };
        // Whatever becomes of the `WAIT`, the write before it was done.
        let acknowledged = self.rounds.join(wait).await.map_err(|_| RedisError::NotReplicated)?;
        // Another connection would say so of what it has written itself, which may be nothing.
        let same = self.lives.borrow().connections == connection;
        if same && acknowledged >= i64::from(replicas) { Ok(()) } else { Err(RedisError::NotReplicated) }
    }

    fn wait(&self, replicas: u32) -> Request {
        let limit = self.config.limit(Limit::Write) / 4;
        Request::new("WAIT").arg(replicas.to_string()).arg(limit.as_millis().max(1).to_string())
    }

    /// What writes are checked with. It gets through as [`check`](Self::check) does.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn write_probe(&self) -> Result<WriteProbe<'_>, RedisError> {
        WriteProbe::open(self).await
    }

    /// Where the server is, for the log.
    pub(crate) fn name(&self) -> String {
        self.place.to_string()
    }

    /// Whether the server answers, and is what it should be. This gets through however many commands wait, and while
    /// the circuit is open: as long as it does not, the node believes nothing that it has cached, and would send even
    /// more.
    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        let limit = self.config.limit(Limit::Probe);
        let caller = self.caller(limit).await?;
        let checked = self.in_time(limit, self.place.check(&caller, &self.roles)).await;
        match &checked {
            Ok(()) => {
                self.circuit.answered();
                self.told.forget();
            }
            Err(RedisError::NotPrimary) => {
                // It may be the primary again in a moment, and another one in between.
                Lives::leave_server(&self.lives);
                self.doubt();
            }
            Err(RedisError::Protocol | RedisError::TimedOut) => self.doubt(),
            Err(_) => {}
        }
        checked
    }

    /// The answer to a command that gets through as [`check`](Self::check) does.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call_aside(&self, request: Request, limit: Limit) -> Result<Reply, RedisError> {
        let limit = self.config.limit(limit);
        let caller = self.caller(limit).await?;
        let answer = self.in_time(limit, caller.call(request)).await;
        if is_read_only(&answer) {
            self.doubt();
        }
        answer
    }

    /// The answer to a command that gets through as [`check`](Self::check) does, however long that takes: while there is
    /// none, the connection is probed, and lost if it is dead.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call_patiently(&self, request: Request) -> Result<Reply, RedisError> {
        let caller = self.caller_in_the_end().await?;
        self.or_probe(self.config.limit(Limit::Probe) / 2, caller.call(request)).await
    }

    /// The server's time, as `INFO` tells it; `TIME` is asked only where that does not, and may be denied.
    pub(crate) async fn time(&self) -> Result<Timestamp, RedisError> {
        let denied = match self.call_aside(ServerInfo::request("server"), Limit::Probe).await {
            Ok(info) => match ServerInfo::read([&info]).time {
                Some(time) => return Ok(time),
                None => None,
            },
            Err(error @ RedisError::Refused(_)) => Some(error),
            Err(error) => return Err(error),
        };
        match self.call_aside(Request::new("TIME"), Limit::Probe).await {
            Ok(reply) => time_of(&reply).ok_or(RedisError::Protocol),
            // What is denied is the command that permissions are meant to name.
            Err(error) => Err(denied.unwrap_or(error)),
        }
    }

    /// Whether the server is part of a cluster, as far as it said so when the connection was made.
    pub(crate) fn is_in_cluster(&self) -> bool {
        matches!(&*self.link.borrow(), Link::Up(live) if live.info.is_cluster)
    }

    /// To be called when an answer cannot be the one to the command, or not that of a primary: has the connection
    /// looked at, and replaced if it is out of step, or leads to a server that was demoted. Another one may lead to
    /// its successor.
    pub(crate) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Whether there is a connection, and no reason to keep from using it.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.link.borrow(), Link::Up(..)) && !self.is_circuit_open()
    }

    /// Whether the server is kept from being asked, because it did not answer.
    pub(crate) fn is_circuit_open(&self) -> bool {
        self.circuit.is_open()
    }

    /// Lets requests through to it again.
    pub(crate) fn reset_circuit(&self) {
        self.circuit.reset();
    }

    /// A new subscription, and what tells when the connection for commands may lead to another server than the
    /// subscription.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn subscribe(&self, channel: &Channel) -> Result<(Listener, Replaced), RedisError> {
        let limit = self.config.limit(Limit::Probe);
        // Where commands cannot go there is no use in trying.
        self.caller(limit).await?;
        // Before the connection is looked at: whatever becomes of that one ends the subscription.
        let replaced = Replaced::from_now(self.lives.subscribe());
        let Link::Up(Live { caller, target, .. }) = self.link.borrow().clone() else {
            return Err(RedisError::silence());
        };
        let name = self.config.client_name(Purpose::Invalidations);
        let channels = [channel.as_str()];
        let listener = Listener::open(&target, &name, &channels, self.config.invalidation);
        // Asked anew: in the beginning the server may have been too busy to say what it is.
        let info = self.in_time(limit, caller.call(ServerInfo::request("server")));
        let (listener, info) = join(listener, info).await;
        let listener = listener?;
        let info = match info {
            Ok(info) => ServerInfo::read([&info]),
            // Then it says nothing of itself to the other connection, either.
            Err(RedisError::Refused(_)) => ServerInfo::default(),
            Err(error) => return Err(error),
        };
        if !listener.connection().info().is_same_process(&info) {
            return Err(RedisError::DifferentServer);
        }
        if self.config.invalidation == Transport::Tracking {
            // Of what is read on the one connection from now on, changes are told on the other, except its own.
            let id = self.in_time(limit, listener.id()).await?.to_string();
            let track = ["TRACKING", "ON", "REDIRECT", &id, "NOLOOP"];
            let track =
                track.into_iter().fold(Request::new("CLIENT"), |track, word| track.arg(word.to_owned()));
            self.in_time(limit, caller.call(track)).await?;
        }
        Ok((listener, replaced))
    }

    /// Takes no more commands, and lets those under way finish, within the time of an attempt to connect.
    pub(crate) async fn close(&self) {
        if let Link::Up(live) = self.link.send_replace(Link::Closed) {
            let _ = timeout(self.config.connect_timeout, live.caller.quit()).await;
        }
        *self.kept.lock() = None;
        Lives::leave_server(&self.lives);
        self.supervisor.abort();
    }

    /// An exchange that the limit of those under way and the breaker have let through.
    async fn admitted<T, F>(&self, limit: Limit, begin: impl FnOnce(Caller) -> F) -> Result<T, RedisError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let limit = self.config.limit(limit);
        let _permit = self.in_flight.try_acquire().map_err(|_| RedisError::Busy)?;
        let trial = Trial::begin(&self.circuit, &self.doubt, limit / 2)?;
        let caller = match self.caller(limit).await {
            // It is known to be down, which needs no circuit to be told.
            Err(down) if down != RedisError::TimedOut => return Err(down),
            caller => caller,
        };
        let answer = match caller {
            Ok(caller) => self.in_time(limit, begin(caller)).await,
            Err(error) => Err(error),
        };
        match &answer {
            Err(RedisError::TimedOut | RedisError::Connection(_)) => {
                trial.failed();
            }
            _ => trial.succeeded(),
        }
        if is_read_only(&answer) {
            self.doubt();
        }
        answer
    }

    /// The result of an exchange, if it comes within `limit`.
    async fn in_time<T>(
        &self,
        limit: Duration,
        exchange: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let mut exchange = pin!(exchange);
        let half = limit / 2;
        if let Ok(result) = timeout(half, &mut exchange).await {
            return result;
        }
        // So that a dead connection is found out by then, while one that is only slow gets the rest of the time.
        self.doubt();
        timeout(limit - half, exchange).await.unwrap_or(Err(RedisError::TimedOut))
    }

    /// The result of an exchange. Without one after `patience`, the connection is probed.
    async fn or_probe<T>(&self, patience: Duration, exchange: impl Future<Output = T>) -> T {
        let mut exchange = pin!(exchange);
        loop {
            match timeout(patience, &mut exchange).await {
                Ok(result) => return result,
                Err(_) => self.doubt(),
            }
        }
    }

    /// Waits for a connection, however long it takes to make one.
    async fn caller_in_the_end(&self) -> Result<Caller, RedisError> {
        let mut link = self.link.subscribe();
        let settled = link.wait_for(|link| matches!(link, Link::Up(_) | Link::Closed)).await;
        match settled.as_deref() {
            Ok(Link::Up(live)) => Ok(live.caller.clone()),
            _ => Err(RedisError::Closed),
        }
    }

    /// Waits for a connection only where its making is not known to fail.
    async fn caller(&self, limit: Duration) -> Result<Caller, RedisError> {
        // As a rule there is nothing to wait for.
        if let Link::Up(live) = &*self.link.borrow() {
            return Ok(live.caller.clone());
        }
        let mut link = self.link.subscribe();
        let settled = link.wait_for(|link| !matches!(link, Link::Connecting));
        let settled = timeout(limit, settled).await.map_err(|_| RedisError::TimedOut)?;
        match settled.as_deref() {
            Ok(Link::Up(live)) => Ok(live.caller.clone()),
            Ok(Link::Down(cause)) => Err(cause.clone()),
            Ok(Link::Connecting | Link::Closed) | Err(_) => Err(RedisError::Closed),
        }
    }
}

/// Whether the server turned out to be a replica.
fn is_read_only<T>(answer: &Result<T, RedisError>) -> bool {
    matches!(answer, Err(RedisError::Refused(refusal)) if refusal.code() == "READONLY")
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("place", &self.place)
            .field("link", &self.link.borrow())
            .finish_non_exhaustive()
    }
}
