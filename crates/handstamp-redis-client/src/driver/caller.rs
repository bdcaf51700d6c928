use std::fmt;
use std::pin::Pin;

use fred::clients::{Client, Pipeline, WithOptions};
use fred::error::Error;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Value;
use futures_util::future::join4;
use tokio::sync::watch;

use super::convert::{custom, reply_of_frame, reply_of_value};
use super::{ServerInfo, failure};
use crate::command::Operation;
use crate::{Command, RedisError, Reply};

/// Sends commands over a [`Connection`](super::Connection), as long as that lasts.
#[derive(Clone)]
pub(crate) struct Caller {
    client: WithOptions<Client>,
    ended: watch::Receiver<Option<RedisError>>,
}

impl Caller {
    pub(super) const fn new(client: WithOptions<Client>, ended: watch::Receiver<Option<RedisError>>) -> Self {
        Self { client, ended }
    }

    /// The reply to a command, however long it takes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub(crate) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        match &command.operation {
            Operation::GetWithTtl(key) => {
                let value = self.client.get::<Value, _>(key.clone());
                let time_to_live = self.client.pttl::<Value, _>(key.clone());
                let exchange = Box::pin(async { tokio::try_join!(value, time_to_live) });
                let (value, time_to_live) = self.unless_lost(exchange).await?;
                Ok(Reply::List(vec![reply_of_value(value)?, reply_of_value(time_to_live)?]))
            }
            Operation::Custom(name, arguments) => {
                let (name, arguments) = custom(name, arguments);
                let frame = self.unless_lost(Box::pin(self.client.custom_raw(name, arguments)));
                reply_of_frame(frame.await?)
            }
        }
    }

    /// [`call`](Self::call), to a server that imports the slot of the key, and serves only commands behind an `ASKING`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the command may have been carried out, and may still be.
    pub(crate) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
        let asking = || Command::read("ASKING");
        match &command.operation {
            Operation::GetWithTtl(key) => {
                let get = Command::read("GET").arg(key.clone());
                let time_to_live = Command::read("PTTL").arg(key.clone());
                let mut replies = self.pipeline([&asking(), &get, &asking(), &time_to_live]).await?;
                let time_to_live = replies.pop().ok_or(RedisError::UnexpectedReply)?;
                Ok(Reply::List(vec![replies.swap_remove(1)?, time_to_live?]))
            }
            Operation::Custom(..) => {
                let mut replies = self.pipeline([&asking(), command]).await?;
                replies.pop().unwrap_or(Err(RedisError::UnexpectedReply))
            }
        }
    }

    /// A round trip.
    ///
    /// # Errors
    ///
    /// When the reply is not that to a `PING`: the server rejects it, or is no Redis, or we are talking to ourselves.
    pub(crate) async fn ping(&self) -> Result<(), RedisError> {
        match self.call(&Command::probe("PING")).await? {
            Reply::Bytes(pong) if pong == "PONG" => Ok(()),
            _ => Err(RedisError::UnexpectedReply),
        }
    }

    /// Ends the connection once the commands in flight are done.
    pub(crate) async fn quit(&self) {
        // An error means that it has ended already.
        let _ = self.client.quit().await;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    pub(super) async fn lost(&self) -> RedisError {
        let mut ended = self.ended.clone();
        let cause = match ended.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone(),
            // The task was aborted.
            Err(_) => None,
        };
        cause.unwrap_or_else(RedisError::unresponsive)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for the first reply, names the connection, and queries the server's `INFO`, all at once.
    pub(super) async fn introduce(&self, name: &str) -> Result<ServerInfo, RedisError> {
        let set_name = Command::probe("CLIENT").arg("SETNAME").arg(name.to_owned());
        let naming = async {
            if let Err(RedisError::ErrorReply(cause)) = self.call(&set_name).await {
                tracing::debug!(%cause, "the server does not let connections have names");
            }
        };
        let [server, replication] = ["server", "replication"].map(ServerInfo::command);
        let (replied, (), server, replication) =
            join4(self.first_reply(), naming, self.call(&server), self.call(&replication)).await;
        replied?;
        Ok(ServerInfo::parse([server, replication].iter().flatten()))
    }

    /// Waits for the first reply. An error reply counts if it is about a state that passes, such as loading the data, and if the
    /// connection did not end with it.
    async fn first_reply(&self) -> Result<(), RedisError> {
        match self.ping().await {
            Ok(()) => Ok(()),
            Err(RedisError::ErrorReply(reply)) if reply.is_temporary() && !self.has_ended() => Ok(()),
            // The end of the connection says more about the cause than the end of the command.
            Err(RedisError::Connection(_)) => Err(self.lost().await),
            Err(error) => Err(error),
        }
    }

    /// The replies to custom commands that are sent without any other in between. There are as many as commands.
    async fn pipeline<const N: usize>(
        &self,
        commands: [&Command; N],
    ) -> Result<Vec<Result<Reply, RedisError>>, RedisError> {
        let pipeline = Pipeline::from(self.client.clone());
        let exchange = Box::pin(async {
            for command in commands {
                if let Operation::Custom(name, arguments) = &command.operation {
                    let (name, arguments) = custom(name, arguments);
                    pipeline.custom::<(), _>(name, arguments).await?;
                }
            }
            Ok(pipeline.try_all::<Value>().await)
        });
        let mut replies = self.unless_lost(exchange).await?;
        if replies.len() == N {
            let read = |reply: Result<Value, Error>| {
                reply.map_err(|error| failure::cause(&error)).and_then(reply_of_value)
            };
            return Ok(replies.into_iter().map(read).collect());
        }
        // A single reply is the error that ended the pipeline.
        match replies.pop() {
            Some(Err(error)) => Err(failure::cause(&error)),
            _ => Err(RedisError::UnexpectedReply),
        }
    }

    /// The outcome of `exchange`, or the cause if the connection ends before it. The box keeps its kilobytes out of the
    /// futures of every layer above.
    async fn unless_lost<T>(
        &self,
        exchange: Pin<Box<impl Future<Output = Result<T, Error>>>>,
    ) -> Result<T, RedisError> {
        tokio::select! {
            biased;
            outcome = exchange => outcome.map_err(|error| failure::cause(&error)),
            // The fred client may keep a command of a connection that has just ended until the next one, which never comes.
            cause = self.lost() => Err(cause),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}
