use fred::clients::{Client, Pipeline, WithOptions};
use fred::error::Error;
use fred::interfaces::{ClientLike, KeysInterface, PubsubInterface};
use fred::types::Value;
use fred::types::config::Options;
use futures_util::future::try_join;
use tokio_util::task::AbortOnDropHandle;

use super::convert::{custom, reply_of_frame, reply_of_value};
use super::{failure, options};
use crate::command::Operation;
use crate::driver::Target;
use crate::driver::end::{End, Lifeline};
use crate::{Command, RedisError, Reply};

/// Begins to connect. Commands queue until the connection is there.
pub(in crate::driver) fn connect(target: &Target) -> Result<(Sender, Lifeline), RedisError> {
    let options = options::connection(target.connect_timeout);
    // Without a policy for reconnecting, the fred client ends with its connection.
    let client = Client::new(options::client(target)?, None, Some(options), None);
    let driver = AbortOnDropHandle::new(client.connect());
    let (end, lifeline) = End::of(async move { failure::end(driver.await) });
    Ok((Sender { client: client.with_options(&Options::default()), end }, lifeline))
}

pub(in crate::driver) struct Sender {
    client: WithOptions<Client>,
    end: End,
}

impl Sender {
    pub(in crate::driver) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        match &command.operation {
            Operation::GetWithTtl(key) => {
                let value = Box::pin(self.client.get::<Value, _>(key.clone()));
                let time_to_live = Box::pin(self.client.pttl::<Value, _>(key.clone()));
                let (value, time_to_live) = self.unless_lost(try_join(value, time_to_live)).await?;
                Ok(Reply::List(vec![reply_of_value(value)?, reply_of_value(time_to_live)?]))
            }
            Operation::Custom(name, arguments) => {
                let (name, arguments) = custom(name, arguments);
                let frame = self.unless_lost(Box::pin(self.client.custom_raw(name, arguments)));
                reply_of_frame(frame.await?)
            }
        }
    }

    pub(in crate::driver) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
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

    /// Subscribes, and waits for the server to permit it.
    ///
    /// fred reports that a `SUBSCRIBE` was sent and ignores the reply, except that it takes an error reply for the reply to the
    /// command behind it. So a command must follow, and must be sent before the error arrives, or the error is lost. The commands
    /// of a pipeline are sent before any of their replies is read.
    pub(in crate::driver) async fn subscribe(&self, channels: &[&str]) -> Result<(), RedisError> {
        let pipeline = self.client().pipeline();
        let exchange = Box::pin(async {
            pipeline.subscribe(channels.to_vec()).await?;
            pipeline.ping::<Value>(None).await?;
            pipeline.last::<Value>().await
        });
        match self.unless_lost(exchange).await {
            Ok(_) => Ok(()),
            // Only the `PING` gets this error, so the `SUBSCRIBE` was accepted.
            Err(RedisError::ErrorReply(reply)) if reply.is_disk_error() => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(in crate::driver) async fn quit(&self) {
        // An error means that it has ended already.
        let _ = self.client.quit().await;
    }

    pub(in crate::driver) const fn end(&self) -> &End {
        &self.end
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
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

    /// The outcome of `exchange`, or the cause if the connection ends before it. Futures of fred take seven kilobytes for each command:
    /// boxes keep them out of the futures of every layer above.
    async fn unless_lost<T>(
        &self,
        exchange: impl Future<Output = Result<T, Error>> + Unpin,
    ) -> Result<T, RedisError> {
        tokio::select! {
            biased;
            outcome = exchange => outcome.map_err(|error| failure::cause(&error)),
            // The fred client may keep a command of a connection that has just ended until the next one, which never comes.
            cause = self.end.cause() => Err(cause),
        }
    }
}
