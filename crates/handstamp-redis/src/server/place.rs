use std::fmt;
use std::sync::Arc;

use crate::RedisError;
use crate::driver::{Caller, Connection, Reply, Request, Target};
use crate::sentinel::Sentinel;

/// Where a server is to be found, and as what.
#[derive(Debug)]
pub(crate) enum Place {
    /// A primary that is always there.
    Fixed(Arc<Target>),
    /// A replica that is always there. In a cluster it has to be told that we know what it is.
    Replica { target: Arc<Target>, in_cluster: bool },
    /// The primary, wherever the Sentinels say that it is.
    Sentinel(Sentinel),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(target) | Self::Replica { target, .. } => target.address.fmt(f),
            Self::Sentinel(sentinel) => f.write_str(sentinel.service()),
        }
    }
}

impl Place {
    /// A connection to it as it is now.
    pub(super) async fn open(&self) -> Result<(Connection, Arc<Target>), RedisError> {
        match self {
            Self::Fixed(target) => Ok((Connection::open(target).await?, target.clone())),
            Self::Replica { target, in_cluster } => {
                let connection = Connection::open(target).await?;
                if *in_cluster {
                    connection.caller().call(Request::new("READONLY")).await?;
                }
                Ok((connection, target.clone()))
            }
            Self::Sentinel(sentinel) => {
                let target = Arc::new(sentinel.primary().await?);
                let connection = Connection::open(&target).await?;
                // What they say may be out of date.
                self.check(connection.caller()).await?;
                Ok((connection, target))
            }
        }
    }

    /// Whether the server at the other end is what is to be found here: one that was demoted goes on answering.
    pub(super) async fn check(&self, caller: &Caller) -> Result<(), RedisError> {
        let expected = match self {
            Self::Fixed(_) | Self::Sentinel(_) => "master",
            Self::Replica { .. } => "slave",
        };
        let role = caller.call(Request::new("ROLE")).await?;
        match role.as_list().and_then(|role| role.first()).and_then(Reply::as_text) {
            Some(role) if role == expected => Ok(()),
            Some(_) => Err(RedisError::NotPrimary),
            None => Err(RedisError::Protocol),
        }
    }

    /// Resolves when the server is known to be found elsewhere than at `target`.
    pub(super) async fn moved_from(&self, target: &Target) -> RedisError {
        match self {
            Self::Fixed(_) | Self::Replica { .. } => std::future::pending().await,
            Self::Sentinel(sentinel) => sentinel.moved_from(target).await,
        }
    }
}
