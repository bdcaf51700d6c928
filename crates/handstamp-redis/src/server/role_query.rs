use std::sync::atomic::{AtomicBool, Ordering};

use super::place::Place;
use crate::RedisError;
use crate::driver::{Caller, Reply, Request, Role, ServerInfo};

/// Asks a server for its role: with `ROLE`, or with `INFO` once that was denied. One that denies both counts as a primary.
#[derive(Debug, Default)]
pub(super) struct RoleQuery {
    role_is_denied: AtomicBool,
    both_are_denied: AtomicBool,
}

impl RoleQuery {
    /// The role of the server at the other end, which is the one at `place`.
    pub(super) async fn ask(&self, caller: &Caller, place: &Place) -> Result<Role, RedisError> {
        if self.role_is_denied.load(Ordering::Relaxed) {
            return self.ask_info(caller, place).await;
        }
        match caller.call(Request::new("ROLE")).await {
            Err(RedisError::Refused(cause)) if cause.is_denial() => {
                let role = self.ask_info(caller, place).await?;
                let told = self.both_are_denied.load(Ordering::Relaxed);
                if !self.role_is_denied.swap(true, Ordering::Relaxed) && !told {
                    tracing::warn!(
                        server = %place, %cause,
                        "the command ROLE is denied: asking INFO for the role of the server"
                    );
                }
                Ok(role)
            }
            role => {
                let role = role?;
                let name = role.as_list().and_then(|role| role.first()).and_then(Reply::as_text);
                name.map(Role::read).ok_or(RedisError::Protocol)
            }
        }
    }

    async fn ask_info(&self, caller: &Caller, place: &Place) -> Result<Role, RedisError> {
        match caller.call(ServerInfo::request("replication")).await {
            // A reply all the same. Should it be a replica, writes will tell.
            Err(RedisError::Refused(cause)) if cause.is_denial() => {
                if !self.both_are_denied.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        server = %place, %cause,
                        "the commands ROLE and INFO are denied: the server counts as a primary; permit +role and +info"
                    );
                }
                Ok(Role::Primary)
            }
            info => ServerInfo::read([&info?]).role.ok_or(RedisError::Protocol),
        }
    }
}
