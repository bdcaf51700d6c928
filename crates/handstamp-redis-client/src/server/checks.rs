use std::time::Duration;

use super::Server;
use super::connection_state::ConnectionCounters;
use crate::command::Limit;
use crate::driver::{ServerInfo, parse_time};
use crate::{Command, RedisError};

impl Server {
    /// Whether the server replies, and has the role it should have. This passes the limit of commands in flight and an open
    /// circuit: until it succeeds, the node trusts nothing in its cache, and would send even more commands.
    pub(crate) async fn check(&self) -> Result<(), RedisError> {
        let limit = self.config.limit(Limit::Probe);
        let caller = self.caller(limit).await?;
        let checked = self.within(limit, self.endpoint.check(&caller, &self.roles)).await;
        match &checked {
            Ok(()) => {
                self.circuit.probe_succeeded();
                self.logged_causes.clear();
            }
            Err(RedisError::NotPrimary) => {
                // It may be the primary again in a moment, and another one in between.
                ConnectionCounters::leave_server(&self.counters);
                self.request_probe();
            }
            Err(RedisError::UnexpectedReply | RedisError::TimedOut) => self.request_probe(),
            Err(_) => {}
        }
        checked
    }

    /// The server's time since the Unix epoch, from `INFO`; from `TIME`, which may be denied, only where `INFO` lacks it.
    pub(crate) async fn time(&self) -> Result<Duration, RedisError> {
        let denied = match self.call_unlimited(&ServerInfo::command("server")).await {
            Ok(info) => match ServerInfo::parse([&info]).time {
                Some(time) => return Ok(time),
                None => None,
            },
            Err(error @ RedisError::ErrorReply(_)) => Some(error),
            Err(error) => return Err(error),
        };
        match self.call_unlimited(&Command::probe("TIME")).await {
            Ok(reply) => parse_time(&reply).ok_or(RedisError::UnexpectedReply),
            // `INFO` is the command that the documentation asks users to permit.
            Err(error) => Err(denied.unwrap_or(error)),
        }
    }
}
