use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::driver::{Caller, Role, ServerInfo};
use crate::{Command, RedisError, Reply};

/// Queries a server for its role: with `ROLE`, or with `INFO` once that was denied. A server that denies both counts as a primary.
#[derive(Debug, Default)]
pub(super) struct RoleQuery {
    role_is_denied: AtomicBool,
    both_are_denied: AtomicBool,
}

impl RoleQuery {
    /// The role of the server at the other end, `server` for logs.
    pub(super) async fn query(
        &self,
        caller: &Caller,
        server: &impl fmt::Display,
    ) -> Result<Role, RedisError> {
        if self.role_is_denied.load(Ordering::Relaxed) {
            return self.query_info(caller, server).await;
        }
        match caller.call(&Command::probe("ROLE")).await {
            Err(RedisError::ErrorReply(cause)) if cause.is_denial() => {
                let role = self.query_info(caller, server).await?;
                let logged = self.both_are_denied.load(Ordering::Relaxed);
                if !self.role_is_denied.swap(true, Ordering::Relaxed) && !logged {
                    tracing::warn!(
                        %server, %cause,
                        "the command ROLE is denied: reading the role of the server from INFO"
                    );
                }
                Ok(role)
            }
            role => {
                let role = role?;
                let name = role.as_list().and_then(|role| role.first()).and_then(Reply::as_text);
                name.map(Role::parse).ok_or(RedisError::UnexpectedReply)
            }
        }
    }

    async fn query_info(&self, caller: &Caller, server: &impl fmt::Display) -> Result<Role, RedisError> {
        match caller.call(&ServerInfo::command("replication")).await {
            // Still a reply. If it is a replica, writes will fail.
            Err(RedisError::ErrorReply(cause)) if cause.is_denial() => {
                if !self.both_are_denied.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %server, %cause,
                        "the commands ROLE and INFO are denied: the server counts as a primary; permit +role and +info"
                    );
                }
                Ok(Role::Primary)
            }
            info => ServerInfo::parse([&info?]).role.ok_or(RedisError::UnexpectedReply),
        }
    }
}
