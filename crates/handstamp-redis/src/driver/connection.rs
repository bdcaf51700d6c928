use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, Pipeline, WithOptions};
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use fred::types::Value;
use fred::types::config::Options;
use futures_util::future::join4;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::message::custom;
use super::{Reply, Request, ServerInfo, Target, failure, options};
use crate::RedisError;

/// One TCP connection that has answered. Dropping this closes it, and ends the tasks that drive it.
pub(crate) struct Connection {
    caller: Caller,
    info: Arc<ServerInfo>,
    _lifeline: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects, and waits for the first reply. `name` is what `CLIENT LIST` calls the connection.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn open(target: &Target, name: &str) -> Result<Self, RedisError> {
        let options = options::connection(target.connect_timeout);
        // Without a policy for reconnecting, the client ends with its connection.
        let client = Client::new(options::client(target)?, None, Some(options), None);
        let driver = AbortOnDropHandle::new(client.connect());
        let (end, ended) = watch::channel(None);
        let lifeline = AbortOnDropHandle::new(tokio::spawn(async move {
            let cause = failure::end(driver.await);
            end.send_replace(Some(cause));
        }));
        let client = client.with_options(&Options::default());
        let caller = Caller { client, ended, ours: true };
        // Commands queue until the connection is there, so this waits for that, too.
        let introduced = timeout(target.connect_timeout, caller.introduce(Some(name)));
        let info = introduced.await.unwrap_or_else(|_| Err(no_answer(target)))?;
        Ok(Self { caller, info: Arc::new(info), _lifeline: lifeline })
    }

    /// The connection that somebody else's client has, until that loses it.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn of(client: &Client, limit: Duration) -> Result<Self, RedisError> {
        let mut errors = client.error_rx();
        let (end, ended) = watch::channel(None);
        let lifeline = AbortOnDropHandle::new(tokio::spawn(async move {
            let cause = match errors.recv().await {
                Ok((error, _)) => failure::cause(&error),
                Err(_) => RedisError::silence(),
            };
            end.send_replace(Some(cause));
        }));
        let caller = Caller { client: client.with_options(&options::once()), ended, ours: false };
        // Its name is its owner's affair.
        match timeout(limit, caller.introduce(None)).await {
            Ok(info) => Ok(Self { caller, info: Arc::new(info?), _lifeline: lifeline }),
            Err(_) => {
                // It may be the only one who thinks that there is a connection.
                let _ = timeout(limit, client.force_reconnection()).await;
                Err(RedisError::silence())
            }
        }
    }

    /// The part that can be cloned, and does not keep the connection open.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the server at the other end said of itself in the beginning.
    pub(crate) const fn info(&self) -> &Arc<ServerInfo> {
        &self.info
    }

    /// Whether the connection is no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.caller.ended.borrow().is_some()
    }

    /// Resolves when the connection is no more, with the cause.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn lost(&self) -> RedisError {
        self.caller.lost().await
    }
}

/// Sends commands over a [`Connection`], as long as that lasts.
#[derive(Clone)]
pub(crate) struct Caller {
    client: WithOptions<Client>,
    ended: watch::Receiver<Option<RedisError>>,
    /// Whether the client is for us alone.
    ours: bool,
}

impl Caller {
    /// The answer to `request`, however long that takes.
    ///
    /// # Cancel safety
    ///
    /// The command may have been sent or not, and may still be.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, RedisError> {
        match request {
            Request::Load(key) => {
                let value = self.client.get::<Value, _>(key.clone());
                let time_to_live = self.client.pttl::<Value, _>(key);
                let exchange = Box::pin(async { tokio::try_join!(value, time_to_live) });
                let (value, time_to_live) = self.answer(exchange).await?;
                Ok(Reply::List(vec![Reply::of_value(value)?, Reply::of_value(time_to_live)?]))
            }
            Request::Command(command, arguments) => {
                let (command, arguments) = custom(command, arguments);
                let frame = self.answer(Box::pin(self.client.custom_raw(command, arguments)));
                Reply::read(frame.await?)
            }
        }
    }

    /// The answer to `request` of a server that is about to be given its key's slot, and answers only who asks like this.
    ///
    /// # Cancel safety
    ///
    /// The command may have been sent or not, and may still be.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, RedisError> {
        let asking = || Request::new("ASKING");
        match request {
            Request::Load(key) => {
                let get = Request::new("GET").arg(key.clone());
                let time_to_live = Request::new("PTTL").arg(key);
                let mut replies = self.pipeline([asking(), get, asking(), time_to_live]).await?;
                let time_to_live = replies.pop().ok_or(RedisError::Protocol)?;
                Ok(Reply::List(vec![replies.swap_remove(1)?, time_to_live?]))
            }
            command @ Request::Command(..) => {
                let mut replies = self.pipeline([asking(), command]).await?;
                replies.pop().unwrap_or(Err(RedisError::Protocol))
            }
        }
    }

    /// The answers to commands of which nothing comes in between. There are as many as commands.
    async fn pipeline<const N: usize>(
        &self,
        requests: [Request; N],
    ) -> Result<Vec<Result<Reply, RedisError>>, RedisError> {
        let pipeline = Pipeline::from(self.client.clone());
        let exchange = Box::pin(async {
            for request in requests {
                if let Request::Command(command, arguments) = request {
                    let (command, arguments) = custom(command, arguments);
                    pipeline.custom::<(), _>(command, arguments).await?;
                }
            }
            Ok(pipeline.try_all::<Value>().await)
        });
        let mut replies = self.answer(exchange).await?;
        if replies.len() == N {
            let read = |reply: Result<Value, Error>| {
                reply.map_err(|error| failure::cause(&error)).and_then(Reply::of_value)
            };
            return Ok(replies.into_iter().map(read).collect());
        }
        // There is one, which tells why there are not more.
        match replies.pop() {
            Some(Err(error)) => Err(failure::cause(&error)),
            _ => Err(RedisError::Protocol),
        }
    }

    /// A round trip.
    ///
    /// # Errors
    ///
    /// When the server answers anything but what belongs to a `PING`, which other than trouble with permissions may
    /// be that we are talking to ourselves, or to something that is no Redis.
    pub(crate) async fn ping(&self) -> Result<(), RedisError> {
        match self.call(Request::new("PING")).await? {
            Reply::Bytes(pong) if pong == "PONG" => Ok(()),
            _ => Err(RedisError::Protocol),
        }
    }

    /// Ends the connection when what is under way on it is done.
    pub(crate) async fn quit(&self) {
        if self.ours {
            // An error means that it is over anyway.
            let _ = self.client.quit().await;
        }
    }

    /// The outcome of `exchange`, or why the connection ended before it. It is in a box because it takes kilobytes,
    /// which every layer above would copy.
    async fn answer<T>(
        &self,
        exchange: Pin<Box<impl Future<Output = Result<T, Error>>>>,
    ) -> Result<T, RedisError> {
        tokio::select! {
            biased;
            answer = exchange => answer.map_err(|error| failure::cause(&error)),
            // Of a connection that has just ended, the client may keep the command until the next one.
            cause = self.lost() => Err(cause),
        }
    }

    pub(super) async fn lost(&self) -> RedisError {
        let mut ended = self.ended.clone();
        let cause = match ended.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone(),
            // The task was aborted.
            Err(_) => None,
        };
        cause.unwrap_or_else(RedisError::silence)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for a first reply, names the connection, and asks what the server is, all at once.
    async fn introduce(&self, name: Option<&str>) -> Result<ServerInfo, RedisError> {
        let naming = async {
            if let Some(name) = name {
                let name = Request::new("CLIENT").arg("SETNAME").arg(name.to_owned());
                if let Err(RedisError::Refused(cause)) = self.call(name).await {
                    tracing::debug!(%cause, "the server does not let connections have names");
                }
            }
        };
        let [server, replication] =
            ["server", "replication"].map(|section| self.call(ServerInfo::request(section)));
        let (proved, (), server, replication) = join4(self.prove(), naming, server, replication).await;
        proved?;
        Ok(ServerInfo::read([server, replication].iter().flatten()))
    }

    /// Waits for a first reply. An error reply is one if it is about the moment, such as while the server loads its data;
    /// and if the connection did not end with it.
    async fn prove(&self) -> Result<(), RedisError> {
        match self.ping().await {
            Ok(()) => Ok(()),
            Err(RedisError::Refused(refusal)) if refusal.is_temporary() && self.ended.borrow().is_none() => {
                Ok(())
            }
            // The end of the connection says more about what went wrong than the end of the command.
            Err(RedisError::Connection(_)) => Err(self.lost().await),
            Err(error) => Err(error),
        }
    }
}

/// A server that speaks no TLS may wait for the rest of what is no command.
const fn no_answer(target: &Target) -> RedisError {
    match target.tls {
        None => RedisError::silence(),
        Some(_) => RedisError::Connection(Cow::Borrowed("it does not answer, at least not to TLS")),
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}
