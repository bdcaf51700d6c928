use std::sync::atomic::{AtomicBool, Ordering};

use crate::RedisError;
use crate::driver::{Caller, Reply, Request, Role, ServerInfo};

/// Asks a server for its role: with `ROLE`, or with `INFO` once that was denied.
#[derive(Debug, Default)]
pub(super) struct RoleQuery {
    role_is_denied: AtomicBool,
}

impl RoleQuery {
    /// The role of the server at the other end.
    pub(super) async fn ask(&self, caller: &Caller) -> Result<Role, RedisError> {
        if self.role_is_denied.load(Ordering::Relaxed) {
            return ask_info(caller).await;
        }
        match caller.call(Request::new("ROLE")).await {
            Err(RedisError::Refused(cause)) if cause.is_denial() => {
                let role = ask_info(caller).await?;
                if !self.role_is_denied.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%cause, "the command ROLE is denied: asking INFO for the role of the server");
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
}

async fn ask_info(caller: &Caller) -> Result<Role, RedisError> {
    let info = caller.call(ServerInfo::request("replication")).await?;
    ServerInfo::read([&info]).role.ok_or(RedisError::Protocol)
}
