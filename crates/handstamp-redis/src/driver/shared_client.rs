use std::fmt;
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::RespVersion;

use super::{Connection, Protocol};
use crate::RedisError;

/// A client that somebody else made, uses and looks after.
#[derive(Clone)]
pub(crate) struct SharedClient(Client);

impl SharedClient {
    /// # Errors
    ///
    /// When it cannot be shared.
    pub(crate) fn new(client: &Client, protocol: Protocol) -> Result<Self, UnfitClient> {
        if client.is_clustered() {
            Err(UnfitClient::Clustered)
        } else if protocol == Protocol::Resp2 && client.client_config().version != RespVersion::RESP2 {
            Err(UnfitClient::Resp3)
        } else {
            Ok(Self(client.clone()))
        }
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

/// Why a client cannot be shared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitClient {
    /// It is one for a cluster, or the configuration is: of such a client, one dead primary stops the commands for all.
    #[error(
        "a client for a cluster cannot be shared: name its nodes with RedisUrl::cluster, and use connect"
    )]
    Clustered,
    /// It speaks RESP3: with tracking, servers would tell it things that it takes for answers.
    #[error("with tracking, only a client that speaks RESP2 can be shared")]
    Resp3,
}
