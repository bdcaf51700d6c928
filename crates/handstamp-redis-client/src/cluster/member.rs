use std::sync::Arc;

use super::snapshot::PrimaryInfo;
use crate::ShardId;
use crate::primary::Primary;
use crate::server::Endpoint;
use crate::shared::Shared;
use crate::url::{Address, Host};

/// A primary of the cluster.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) shard: ShardId,
    /// The id of the node in the cluster.
    pub(crate) id: String,
    pub(crate) host: Host,
    pub(crate) primary: Arc<Primary>,
}

impl Member {
    /// With the connections of `primary`, or new ones.
    pub(crate) fn new(
        shared: &Shared,
        shard: ShardId,
        info: &PrimaryInfo,
        primary: Option<Arc<Primary>>,
    ) -> Self {
        Self {
            shard,
            id: info.id.clone(),
            host: info.host.clone(),
            primary: primary.unwrap_or_else(|| Self::connect(shared, &info.host)),
        }
    }

    /// Connections to the primary at `host`.
    pub(crate) fn connect(shared: &Shared, host: &Host) -> Arc<Primary> {
        let target = Arc::new(shared.config.target(&Address::Tcp(host.clone())));
        Arc::new(Primary::start(shared, &Endpoint::Member(target)))
    }

    /// Whether this is the primary that the cluster describes.
    pub(crate) fn is(&self, info: &PrimaryInfo) -> bool {
        self.id == info.id && self.host == info.host
    }
}
