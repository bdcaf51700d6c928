use std::fmt;
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;

use super::Connection;
use crate::RedisError;

/// A client that somebody else made, uses and looks after.
#[derive(Clone)]
pub(crate) struct SharedClient(Client);

impl SharedClient {
    /// # Errors
    ///
    /// When it is one for a cluster: of such a client, one dead primary stops the commands for all.
    pub(crate) fn new(client: &Client) -> Result<Self, ClusteredClient> {
        if client.is_clustered() { Err(ClusteredClient) } else { Ok(Self(client.clone())) }
    }

    /// The connection that it has, once that has answered.
    pub(crate) async fn connection(&self, limit: Duration) -> Result<Connection, RedisError> {
        Connection::of(&self.0, limit).await
    }
}

impl fmt::Debug for SharedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedClient").finish_non_exhaustive()
    }
}

/// The client is one for a cluster, which cannot be shared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a client for a cluster cannot be shared: name its nodes with RedisUrl::cluster, and use connect")]
pub struct ClusteredClient;
