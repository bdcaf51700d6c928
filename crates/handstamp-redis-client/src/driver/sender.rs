use super::end::{End, Lifeline};
use super::messages::Messages;
#[cfg(feature = "redis-rs")]
use super::redis_rs;
use super::{Driver, Target, fred};
use crate::{Command, RedisError, Reply};

/// A connection of one of the libraries. It does not keep the connection open.
pub(super) enum Sender {
    Fred(fred::Sender),
    #[cfg(feature = "redis-rs")]
    RedisRs(redis_rs::Sender),
}

impl Sender {
    /// Connects, or begins to: fred queues commands until the connection is there.
    pub(super) async fn connect(target: &Target) -> Result<(Self, Lifeline), RedisError> {
        match target.driver {
            Driver::Fred => fred::connect(target).map(|(sender, lifeline)| (Self::Fred(sender), lifeline)),
            #[cfg(feature = "redis-rs")]
            Driver::RedisRs => {
                let (sender, lifeline) = redis_rs::connect(target).await?;
                Ok((Self::RedisRs(sender), lifeline))
            }
        }
    }

    /// [`connect`](Self::connect), for a subscription. With `tracking`, it also receives the keys that have changed.
    pub(super) async fn connect_listener(
        target: &Target,
        tracking: bool,
    ) -> Result<(Self, Lifeline, Messages), RedisError> {
        match target.driver {
            Driver::Fred => {
                let (sender, lifeline) = fred::connect(target)?;
                let messages = fred::Messages::of(&sender, tracking);
                Ok((Self::Fred(sender), lifeline, Messages::Fred(messages)))
            }
            #[cfg(feature = "redis-rs")]
            Driver::RedisRs => {
                let (sender, lifeline, messages) = redis_rs::connect_listener(target).await?;
                Ok((Self::RedisRs(sender), lifeline, Messages::RedisRs(messages)))
            }
        }
    }

    /// The reply to a command, however long it takes.
    pub(super) async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        match self {
            Self::Fred(sender) => sender.call(command).await,
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(sender) => sender.call(command).await,
        }
    }

    /// [`call`](Self::call), with an `ASKING` before each command.
    pub(super) async fn call_asking(&self, command: &Command) -> Result<Reply, RedisError> {
        match self {
            Self::Fred(sender) => sender.call_asking(command).await,
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(sender) => sender.call_asking(command).await,
        }
    }

    /// Subscribes, and waits for the server to permit it.
    pub(super) async fn subscribe(&self, channels: &[&str]) -> Result<(), RedisError> {
        match self {
            Self::Fred(sender) => sender.subscribe(channels).await,
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(sender) => sender.subscribe(channels).await,
        }
    }

    /// Ends the connection once the commands in flight are done.
    pub(super) async fn quit(&self) {
        match self {
            Self::Fred(sender) => sender.quit().await,
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(sender) => sender.quit().await,
        }
    }

    pub(super) const fn end(&self) -> &End {
        match self {
            Self::Fred(sender) => sender.end(),
            #[cfg(feature = "redis-rs")]
            Self::RedisRs(sender) => sender.end(),
        }
    }
}
