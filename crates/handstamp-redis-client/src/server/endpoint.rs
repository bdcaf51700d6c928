use std::fmt;
use std::sync::Arc;

use tokio::time::timeout;

use super::role_query::RoleQuery;
use crate::driver::{Caller, Connection, Protocol, Role, Target};
use crate::sentinel::Sentinel;
use crate::{Command, RedisError};

/// How to locate a server, and the role it must have.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// A primary at a fixed address.
    Fixed(Arc<Target>),
    /// A primary of a cluster. Once demoted, it redirects to its successor.
    Member(Arc<Target>),
    /// A replica at a fixed address. A replica of a cluster serves reads only after `READONLY`.
    Replica { target: Arc<Target>, in_cluster: bool },
    /// The primary that the Sentinels name.
    Sentinel(Sentinel),
}

impl Endpoint {
    /// A connection for commands, and the target that it leads to.
    pub(super) async fn open(
        &self,
        protocol: Protocol,
        name: &str,
        roles: &RoleQuery,
    ) -> Result<(Connection, Arc<Target>), RedisError> {
        let (connection, target) = loop {
            let target = self.target().await?;
            let with_protocol = Target { protocol, ..(*target).clone() };
            tokio::select! {
                connection = Connection::open(&with_protocol, name) => break (connection?, target),
                // The target may be dead, and its successor elected already.
                () = self.moved_from(&target) => {}
            }
        };
        timeout(target.connect_timeout, self.prepare(connection.caller(), roles))
            .await
            .unwrap_or_else(|_| Err(RedisError::unresponsive()))?;
        Ok((connection, target))
    }

    /// Whether the server has its role: a demoted primary continues to reply.
    pub(super) async fn check(&self, caller: &Caller, roles: &RoleQuery) -> Result<(), RedisError> {
        let expected = if matches!(self, Self::Replica { .. }) { Role::Replica } else { Role::Primary };
        if roles.query(caller, self).await? == expected { Ok(()) } else { Err(RedisError::NotPrimary) }
    }

    /// Resolves when the server is known to have moved elsewhere.
    pub(super) async fn moved_from(&self, target: &Target) {
        match self {
            Self::Sentinel(sentinel) => sentinel.moved_from(target).await,
            Self::Fixed(_) | Self::Member(_) | Self::Replica { .. } => std::future::pending().await,
        }
    }

    async fn prepare(&self, caller: &Caller, roles: &RoleQuery) -> Result<(), RedisError> {
        match self {
            Self::Member(_) | Self::Replica { in_cluster: false, .. } => Ok(()),
            // Only the role counts here: any other error reply is no reason to do without the connection.
            Self::Fixed(_) => match self.check(caller, roles).await {
                Err(RedisError::ErrorReply(_)) => Ok(()),
                checked => checked,
            },
            Self::Replica { in_cluster: true, .. } => {
                caller.call(&Command::probe("READONLY")).await.map(|_| ())
            }
            // The Sentinels may be out of date.
            Self::Sentinel(_) => self.check(caller, roles).await,
        }
    }

    async fn target(&self) -> Result<Arc<Target>, RedisError> {
        match self {
            Self::Fixed(target) | Self::Member(target) | Self::Replica { target, .. } => Ok(target.clone()),
            Self::Sentinel(sentinel) => Ok(Arc::new(sentinel.primary().await?)),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(target) | Self::Member(target) | Self::Replica { target, .. } => {
                target.address.fmt(f)
            }
            Self::Sentinel(sentinel) => f.write_str(sentinel.service()),
        }
    }
}
