use std::fmt;
use std::sync::Arc;

use tokio::time::timeout;

use super::role_query::RoleQuery;
use crate::RedisError;
use crate::driver::{Caller, Connection, Protocol, Request, Role, SharedClient, Target};
use crate::sentinel::Sentinel;

/// Where a server is to be found, and as what.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A primary that is always there.
    Fixed(Arc<Target>),
    /// A primary of a cluster. Where it is none any more, it knows the one to ask instead.
    Member(Arc<Target>),
    /// A replica that is always there. In a cluster it has to be told that we know what it is.
    Replica { target: Arc<Target>, in_cluster: bool },
    /// The primary, wherever the Sentinels say that it is.
    Sentinel(Sentinel),
    /// The primary that somebody's client is connected to, which should be the one found there.
    Shared(SharedClient, Box<Self>),
}

impl Place {
    /// A connection for commands to it as it is now, and where subscriptions have to go.
    pub(super) async fn open(
        &self,
        protocol: Protocol,
        name: &str,
        roles: &RoleQuery,
    ) -> Result<(Connection, Arc<Target>), RedisError> {
        let (connection, target) = loop {
            let target = self.target().await?;
            tokio::select! {
                connection = self.connect(&target, protocol, name) => break (connection?, target),
                // It may be dead, and its successor there already.
                () = self.moved_from(&target) => {}
            }
        };
        timeout(target.connect_timeout, self.prepare(connection.caller(), roles))
            .await
            .unwrap_or_else(|_| Err(RedisError::silence()))?;
        Ok((connection, target))
    }

    async fn prepare(&self, caller: &Caller, roles: &RoleQuery) -> Result<(), RedisError> {
        match self {
            Self::Member(_) | Self::Replica { in_cluster: false, .. } => Ok(()),
            // It is a primary unless it says something else. Any other trouble does not keep it from being connected to.
            Self::Fixed(_) => match self.check(caller, roles).await {
                Err(RedisError::Refused(_)) => Ok(()),
                checked => checked,
            },
            Self::Replica { in_cluster: true, .. } => caller.call(Request::new("READONLY")).await.map(|_| ()),
            // What others say may be out of date.
            Self::Sentinel(_) | Self::Shared(..) => self.check(caller, roles).await,
        }
    }

    /// Whether the server at the other end is what is to be found here: one that was demoted goes on answering.
    pub(super) async fn check(&self, caller: &Caller, roles: &RoleQuery) -> Result<(), RedisError> {
        let expected = if matches!(self, Self::Replica { .. }) { Role::Replica } else { Role::Primary };
        if roles.ask(caller, self).await? == expected { Ok(()) } else { Err(RedisError::NotPrimary) }
    }

    async fn connect(
        &self,
        target: &Target,
        protocol: Protocol,
        name: &str,
    ) -> Result<Connection, RedisError> {
        match self {
            Self::Shared(client, _) => client.connection(target.connect_timeout).await,
            Self::Fixed(_) | Self::Member(_) | Self::Replica { .. } | Self::Sentinel(_) => {
                Connection::open(&Target { protocol, ..target.clone() }, name).await
            }
        }
    }

    /// Resolves when the server is known to be found elsewhere than at `target`.
    pub(super) async fn moved_from(&self, target: &Target) {
        match self.sentinel() {
            None => std::future::pending().await,
            Some(sentinel) => sentinel.moved_from(target).await,
        }
    }

    /// The same, over connections of our own.
    pub(crate) fn unshared(&self) -> Self {
        match self {
            Self::Shared(_, place) => place.unshared(),
            Self::Fixed(_) | Self::Member(_) | Self::Replica { .. } | Self::Sentinel(_) => self.clone(),
        }
    }

    async fn target(&self) -> Result<Arc<Target>, RedisError> {
        match self {
            Self::Fixed(target) | Self::Member(target) | Self::Replica { target, .. } => Ok(target.clone()),
            Self::Sentinel(sentinel) => Ok(Arc::new(sentinel.primary().await?)),
            Self::Shared(_, place) => Box::pin(place.target()).await,
        }
    }

    fn sentinel(&self) -> Option<&Sentinel> {
        match self {
            Self::Fixed(_) | Self::Member(_) | Self::Replica { .. } => None,
            Self::Sentinel(sentinel) => Some(sentinel),
            Self::Shared(_, place) => place.sentinel(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(target) | Self::Member(target) | Self::Replica { target, .. } => {
                target.address.fmt(f)
            }
            Self::Sentinel(sentinel) => f.write_str(sentinel.service()),
            Self::Shared(_, place) => place.fmt(f),
        }
    }
}
