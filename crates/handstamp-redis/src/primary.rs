use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_store::Backoff;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::driver::{Caller, Connection, Listener, Reply, Request, Target};
use crate::{Channel, RedisConfig, RedisError};

/// A server that takes writes: a connection to it for commands, which is kept up, and subscriptions, each on a
/// connection of its own.
pub(crate) struct Primary {
    config: Arc<RedisConfig>,
    target: Arc<Target>,
    link: Arc<watch::Sender<Link>>,
    /// The connection may be dead, or out of step.
    doubt: Arc<Notify>,
    in_flight: Semaphore,
    supervisor: AbortOnDropHandle<()>,
}

/// The state of the connection for commands.
#[derive(Clone, Debug)]
enum Link {
    /// It is just being made, and may well be there in a moment: commands wait for that.
    Connecting,
    /// It is there.
    Up(Caller),
    /// It could not be made. Attempts go on, and commands fail at once.
    Down(RedisError),
    /// There will be none any more.
    Closed,
}

impl Primary {
    pub(crate) fn start(config: Arc<RedisConfig>) -> Self {
        let target = Arc::new(config.target(&config.url.servers.first()));
        let link = Arc::new(watch::Sender::new(Link::Connecting));
        let doubt = Arc::default();
        let supervisor = keep_up(config.clone(), target.clone(), link.clone(), Arc::clone(&doubt));
        Self {
            in_flight: Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS)),
            supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor)),
            config,
            target,
            link,
            doubt,
        }
    }

    /// The answer to a command.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out or not, and may still be.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, RedisError> {
        let _permit = self.in_flight.try_acquire().map_err(|_| RedisError::Busy)?;
        let reply = self.exchange(|caller| async move { caller.call(request).await }).await;
        if let Err(RedisError::Refused(refusal)) = &reply
            && refusal.code() == "READONLY"
        {
            self.doubt();
        }
        reply
    }

    /// Whether the server answers, and is a primary. This gets through however many commands wait: while it does
    /// not, the node believes nothing that it has cached, and would send even more.
    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        let checked = self.exchange(|caller| async move { check_role(&caller).await }).await;
        if let Err(RedisError::NotPrimary | RedisError::Protocol) = checked {
            self.doubt();
        }
        checked
    }

    /// The value of a key, and its time to live in milliseconds.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub(crate) async fn read(&self, key: Bytes) -> Result<(Option<Bytes>, i64), RedisError> {
        let _permit = self.in_flight.try_acquire().map_err(|_| RedisError::Busy)?;
        self.exchange(|caller| async move { caller.read(key).await }).await
    }

    /// To be called when an answer cannot be the one to the command, or not that of a primary: has the connection
    /// looked at, and replaced if it is out of step, or leads to a server that was demoted. Another one may lead to
    /// its successor.
    pub(crate) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// A new subscription, and what resolves when the connection for commands is another one: that may then lead to
    /// another server than the subscription.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn subscribe(&self, channel: &Channel) -> Result<(Listener, Replaced), RedisError> {
        let mut link = self.link.subscribe();
        // Where commands cannot go there is no use in trying.
        self.caller().await?;
        link.mark_unchanged();
        let listener = Listener::open(&self.target, channel.as_str()).await?;
        Ok((listener, Replaced(link)))
    }

    /// Takes no more commands, and lets those under way finish, within the time of an attempt to connect.
    pub(crate) async fn close(&self) {
        if let Link::Up(caller) = self.link.send_replace(Link::Closed) {
            let _ = timeout(self.config.connect_timeout, caller.quit()).await;
        }
        self.supervisor.abort();
    }

    async fn exchange<T, F>(&self, begin: impl FnOnce(Caller) -> F) -> Result<T, RedisError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let caller = self.caller().await?;
        timeout(self.config.command_timeout, begin(caller)).await.unwrap_or_else(|_| {
            self.doubt();
            Err(RedisError::TimedOut)
        })
    }

    /// Waits for a connection only where its making is not known to fail.
    async fn caller(&self) -> Result<Caller, RedisError> {
        let mut link = self.link.subscribe();
        let settled = link.wait_for(|link| !matches!(link, Link::Connecting));
        let settled =
            timeout(self.config.command_timeout, settled).await.map_err(|_| RedisError::TimedOut)?;
        match settled.as_deref() {
            Ok(Link::Up(caller)) => Ok(caller.clone()),
            Ok(Link::Down(cause)) => Err(cause.clone()),
            Ok(Link::Connecting | Link::Closed) | Err(_) => Err(RedisError::Closed),
        }
    }
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primary")
            .field("config", &self.config)
            .field("link", &self.link.borrow())
            .finish_non_exhaustive()
    }
}

/// ## Connecting => Up      the server answers
/// ## Connecting => Down    it does not
/// ## Up => Connecting      the connection is lost, or does not answer any more
/// ## Down => Up            a later attempt succeeds
/// ## _ => Closed           for good
async fn keep_up(
    config: Arc<RedisConfig>,
    target: Arc<Target>,
    link: Arc<watch::Sender<Link>>,
    doubt: Arc<Notify>,
) {
    let mut backoff = Backoff::new();
    loop {
        match Connection::open(&target).await {
            Ok(connection) => {
                if !advance(&link, Link::Up(connection.caller().clone())) {
                    return;
                }
                tracing::info!(server = %config.url, "connected to the session store");
                let since = Instant::now();
                let cause = end_of(&connection, &doubt, config.command_timeout).await;
                if !advance(&link, Link::Connecting) {
                    return;
                }
                match cause {
                    // Somebody has to do something about it.
                    RedisError::Refused(_) | RedisError::NotPrimary => {
                        tracing::warn!(%cause, "left the session store");
                    }
                    _ => tracing::info!(%cause, "lost the connection to the session store"),
                }
                if since.elapsed() >= STABLE {
                    backoff = Backoff::new();
                    continue;
                }
            }
            Err(cause) => {
                tracing::debug!(%cause, "cannot connect to the session store");
                if !advance(&link, Link::Down(cause)) {
                    return;
                }
            }
        }
        sleep(backoff.next_wait()).await;
    }
}

/// Resolves when the connection is lost, or there is a doubt about it and the server does not answer as it should: that
/// tells a connection that is dead from a node that is too busy to look at the answers it has, one that is out of step
/// from a record that somebody spoilt, and a primary from a server that was one.
async fn end_of(connection: &Connection, doubt: &Notify, limit: Duration) -> RedisError {
    loop {
        tokio::select! {
            cause = connection.lost() => return cause,
            () = doubt.notified() => {
                match timeout(limit, check_all(connection.caller())).await {
                    Ok(Ok(()) | Err(RedisError::Refused(_))) => {}
                    Ok(Err(cause)) => return cause,
                    Err(_) => return RedisError::silence(),
                }
            }
        }
    }
}

/// Two commands, since one that follows its like would not notice that it gets the other's answer.
async fn check_all(caller: &Caller) -> Result<(), RedisError> {
    caller.ping().await?;
    check_role(caller).await
}

/// One that was demoted goes on answering.
async fn check_role(caller: &Caller) -> Result<(), RedisError> {
    match caller.call(Request::new("ROLE")).await? {
        Reply::List(role) if role.first() == Some(&Reply::Bytes(PRIMARY)) => Ok(()),
        Reply::List(_) => Err(RedisError::NotPrimary),
        _ => Err(RedisError::Protocol),
    }
}

/// Tells when the connection for commands is not the one any more that it was.
pub(crate) struct Replaced(watch::Receiver<Link>);

impl Replaced {
    /// Resolves then.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn happened(&mut self) {
        // An error means that there is no connection, and will be none.
        let _ = self.0.changed().await;
    }
}

/// Returns whether there is to be a connection at all.
fn advance(link: &watch::Sender<Link>, next: Link) -> bool {
    link.send_if_modified(|link| {
        let open = !matches!(link, Link::Closed);
        if open {
            *link = next;
        }
        open
    })
}

const PRIMARY: Bytes = Bytes::from_static(b"master");

/// A connection that lasted so long is made anew at once when it is lost; another one after a pause.
const STABLE: Duration = Duration::from_secs(1);
