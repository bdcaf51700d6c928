use futures_util::future::join;

use super::Server;
use super::connection_state::{ConnectionState, LiveConnection, ServerWatch};
use crate::command::Limit;
use crate::driver::{Caller, Listener, ServerInfo};
use crate::{Command, ConnectionRole, RedisError};

impl Server {
    /// A new subscription, and a watch that reports when commands may go to another server than the subscription.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: whatever was begun ends with the future.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<(Listener, ServerWatch), RedisError> {
        let limit = self.config.limit(Limit::Probe);
        // Where commands fail, a subscription would fail, too.
        self.caller(limit).await?;
        // Before the connection is looked at: any later change of that connection ends the subscription.
        let watch = ServerWatch::from_now(self.counters.subscribe());
        let ConnectionState::Up(LiveConnection { caller, target, .. }) = self.state.borrow().clone() else {
            return Err(RedisError::unresponsive());
        };
        let name = self.config.connection_name(ConnectionRole::Invalidations);
        let channels = [channel];
        let listener = Listener::open(&target, &name, &channels, self.config.tracking);
        // Queried again: when the connection was made, the server may have been too busy to send its `INFO`.
        let server = ServerInfo::command("server");
        let info = self.within(limit, caller.call(&server));
        let (listener, info) = join(listener, info).await;
        let listener = listener?;
        let info = match info {
            Ok(info) => ServerInfo::parse([&info]),
            // Then the other connection gets no `INFO`, either.
            Err(RedisError::ErrorReply(_)) => ServerInfo::default(),
            Err(error) => return Err(error),
        };
        if !listener.connection().info().is_same_process(&info) {
            return Err(RedisError::DifferentServer);
        }
        if self.config.tracking {
            self.track(&caller, &listener).await?;
        }
        Ok((listener, watch))
    }

    /// From now on, the listener receives the changes to keys that are read on the other connection, except its own changes.
    async fn track(&self, caller: &Caller, listener: &Listener) -> Result<(), RedisError> {
        let limit = self.config.limit(Limit::Probe);
        let id = self.within(limit, listener.id()).await?.to_string();
        let track = ["TRACKING", "ON", "REDIRECT", &id, "NOLOOP"];
        let track =
            track.into_iter().fold(Command::probe("CLIENT"), |track, word| track.arg(word.to_owned()));
        self.within(limit, caller.call(&track)).await?;
        Ok(())
    }
}
