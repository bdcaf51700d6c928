mod breaker;
mod breaker_settings;
mod circuit;
mod failure_rate;
mod keep_up;
mod link;
mod place;
mod rounds;
mod trial;

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

pub use self::breaker::CircuitState;
pub use self::breaker_settings::BreakerSettings;
use self::circuit::Circuit;
pub use self::circuit::{CircuitEvent, CircuitPurpose};
use self::keep_up::Supervisor;
pub(crate) use self::link::Replaced;
use self::link::{Link, Lives};
pub(crate) use self::place::Place;
use self::rounds::Rounds;
use self::trial::Trial;
use crate::driver::{Caller, Listener, Reply, Request};
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
    in_flight: Semaphore,
    supervisor: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) fn start(
        config: Arc<RedisConfig>,
        place: Place,
        purpose: CircuitPurpose,
        events: broadcast::Sender<CircuitEvent>,
    ) -> Self {
        let place = Arc::new(place);
        let link = Arc::new(watch::Sender::new(Link::Connecting));
        let lives = Arc::new(watch::Sender::new(Lives::default()));
        let doubt = Arc::default();
        let circuit = Arc::new(Circuit::new(&place.to_string(), purpose, config.breaker, events));
        let supervisor = Supervisor {
            config: config.clone(),
            place: place.clone(),
            link: link.clone(),
            lives: lives.clone(),
            doubt: Arc::clone(&doubt),
            circuit: circuit.clone(),
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
        }
    }

    /// The answer to a command.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, RedisError> {
        self.admitted(|caller| async move { caller.call(request).await }).await
    }

    /// The answer to a command for a key that is just moving here from another server.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, RedisError> {
        self.admitted(|caller| async move { caller.ask(request).await }).await
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
        let reply = self.call(request).await?;
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
        let reply = self.ask(request).await?;
        self.replicated(connection, replicas).await.map(|()| reply)
    }

    /// Waits until so many replicas have what was written over this connection. Many wait together: while the server waits,
    /// it does nothing else for this connection.
    async fn replicated(&self, connection: u64, replicas: u32) -> Result<(), RedisError> {
        let limit = self.config.command_timeout / 4;
        let wait = || async {
            let wait =
                Request::new("WAIT").arg(replicas.to_string()).arg(limit.as_millis().max(1).to_string());
            self.call(wait).await?.as_integer().ok_or(RedisError::Protocol)
        };
        let acknowledged = self.rounds.join(wait).await?;
        // Another connection would say so of what it has written itself, which may be nothing.
        let same = self.lives.borrow().connections == connection;
        if same && acknowledged >= i64::from(replicas) { Ok(()) } else { Err(RedisError::NotReplicated) }
    }

    /// Whether the server answers, and is what it should be. This gets through however many commands wait, and while
    /// the circuit is open: as long as it does not, the node believes nothing that it has cached, and would send even
    /// more.
    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        let caller = self.caller().await?;
        let checked = self.in_time(self.place.check(&caller)).await;
        match &checked {
            Ok(()) => self.circuit.answered(),
            Err(RedisError::NotPrimary | RedisError::Protocol | RedisError::TimedOut) => self.doubt(),
            Err(_) => {}
        }
        checked
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

    /// A new subscription, and what resolves when the connection for commands is another one: that may then lead to
    /// another server than the subscription.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn subscribe(&self, channel: &Channel) -> Result<(Listener, Replaced), RedisError> {
        // Before the connection is looked at: whatever becomes of that one ends the subscription.
        let replaced = Replaced::from_now(self.lives.subscribe());
        // Where commands cannot go there is no use in trying.
        self.caller().await?;
        let Link::Up(caller, target) = self.link.borrow().clone() else { return Err(RedisError::silence()) };
        let listener = Listener::open(&target, channel.as_str(), self.config.invalidation).await?;
        if self.config.invalidation == Transport::Tracking {
            // Of what is read on the one connection from now on, changes are told on the other, except its own.
            let id = listener.id().await?.to_string();
            let track = ["TRACKING", "ON", "REDIRECT", &id, "NOLOOP"];
            let track =
                track.into_iter().fold(Request::new("CLIENT"), |track, word| track.arg(word.to_owned()));
            self.in_time(caller.call(track)).await?;
        }
        Ok((listener, replaced))
    }

    /// Takes no more commands, and lets those under way finish, within the time of an attempt to connect.
    pub(crate) async fn close(&self) {
        if let Link::Up(caller, _) = self.link.send_replace(Link::Closed) {
            let _ = timeout(self.config.connect_timeout, caller.quit()).await;
        }
        self.lives.send_modify(|lives| lives.servers += 1);
        self.supervisor.abort();
    }

    /// An exchange that the limit of those under way and the breaker have let through.
    async fn admitted<T, F>(&self, begin: impl FnOnce(Caller) -> F) -> Result<T, RedisError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let _permit = self.in_flight.try_acquire().map_err(|_| RedisError::Busy)?;
        let trial = Trial::begin(&self.circuit, &self.doubt, self.config.command_timeout / 2)?;
        let caller = match self.caller().await {
            // It is known to be down, which needs no circuit to be told.
            Err(down @ (RedisError::Connection(_) | RedisError::Closed)) => return Err(down),
            caller => caller,
        };
        let answer = match caller {
            Ok(caller) => self.in_time(begin(caller)).await,
            Err(error) => Err(error),
        };
        match &answer {
            Err(RedisError::TimedOut | RedisError::Connection(_)) => {
                trial.failed();
            }
            Err(RedisError::Refused(refusal)) if refusal.code() == "READONLY" => {
                trial.succeeded();
                self.doubt();
            }
            _ => trial.succeeded(),
        }
        answer
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        timeout(self.config.command_timeout, exchange).await.unwrap_or_else(|_| {
            self.doubt();
            Err(RedisError::TimedOut)
        })
    }

    /// Waits for a connection only where its making is not known to fail.
    async fn caller(&self) -> Result<Caller, RedisError> {
        // As a rule there is nothing to wait for.
        if let Link::Up(caller, _) = &*self.link.borrow() {
            return Ok(caller.clone());
        }
        let mut link = self.link.subscribe();
        let settled = link.wait_for(|link| !matches!(link, Link::Connecting));
        let settled =
            timeout(self.config.command_timeout, settled).await.map_err(|_| RedisError::TimedOut)?;
        match settled.as_deref() {
            Ok(Link::Up(caller, _)) => Ok(caller.clone()),
            Ok(Link::Down(cause)) => Err(cause.clone()),
            Ok(Link::Connecting | Link::Closed) | Err(_) => Err(RedisError::Closed),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("place", &self.place)
            .field("link", &self.link.borrow())
            .finish_non_exhaustive()
    }
}
