use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, KeysInterface};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{Reply, Request, Target, failure, options};
use crate::RedisError;

/// One TCP connection that has answered. Dropping this closes it, and ends the tasks that drive it.
pub(crate) struct Connection {
    caller: Caller,
    _lifeline: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects, and waits for the first answer.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    pub(crate) async fn open(target: &Target) -> Result<Self, RedisError> {
        let options = options::connection(target.connect_timeout);
        // Without a policy for reconnecting, the client ends with its connection.
        let client = Client::new(options::client(target)?, None, Some(options), None);
        let driver = AbortOnDropHandle::new(client.connect());
        let (end, ended) = watch::channel(None);
        let lifeline = AbortOnDropHandle::new(tokio::spawn(async move {
            let cause = failure::end(driver.await);
            end.send_replace(Some(cause));
        }));
        let connection = Self { caller: Caller { client, ended }, _lifeline: lifeline };
        // Commands queue until the connection is there, so this waits for that, too.
        timeout(target.connect_timeout, connection.caller.prove())
            .await
            .unwrap_or_else(|_| Err(RedisError::silence()))?;
        Ok(connection)
    }

    /// The part that can be cloned, and does not keep the connection open.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
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
    client: Client,
    ended: watch::Receiver<Option<RedisError>>,
}

impl Caller {
    /// The answer to `request`, however long that takes.
    ///
    /// # Cancel safety
    ///
    /// The command may have been sent or not, and may still be.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, RedisError> {
        let (command, arguments) = request.into_command();
        let frame = self.answer(Box::pin(self.client.custom_raw(command, arguments)));
        Reply::read(frame.await?)
    }

    /// The value of a key and its time to live in milliseconds, in one round trip, however long that takes.
    ///
    /// This is what Redis is asked for most. After a custom command the client library flushes its socket; as these
    /// are none, those of many callers leave together.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub(crate) async fn read(&self, key: Bytes) -> Result<(Option<Bytes>, i64), RedisError> {
        let value = self.client.get(key.clone());
        let time_to_live = self.client.pttl(key);
        self.answer(Box::pin(async { tokio::try_join!(value, time_to_live) })).await
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
        // An error means that it is over anyway.
        let _ = self.client.quit().await;
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

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for a first answer. A refusal is one: what is refused now, such as while the server loads its data, may
    /// be granted later.
    async fn prove(&self) -> Result<(), RedisError> {
        match self.ping().await {
            Ok(()) | Err(RedisError::Refused(_)) => Ok(()),
            // The end of the connection says more about what went wrong than the end of the command.
            Err(RedisError::Connection(_)) => Err(self.lost().await),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}
