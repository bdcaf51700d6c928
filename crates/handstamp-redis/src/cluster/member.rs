use std::sync::Arc;

use handstamp_store::Shard;

use super::view::Seen;
use crate::primary::Primary;
use crate::server::Place;
use crate::shared::Shared;
use crate::url::{Address, Host};

/// A primary of the cluster.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) shard: Shard,
    /// The name that nodes have for each other.
    pub(crate) id: String,
    pub(crate) host: Host,
    pub(crate) primary: Arc<Primary>,
}

impl Member {
    /// As it was seen, with the connections that there may be already.
    pub(crate) fn new(shared: &Shared, shard: Shard, seen: &Seen, primary: Option<Arc<Primary>>) -> Self {
        Self {
            shard,
            id: seen.id.clone(),
            host: seen.host.clone(),
            primary: primary.unwrap_or_else(|| Self::primary_at(shared, &seen.host)),
        }
    }

    /// Connections to a primary.
    pub(crate) fn primary_at(shared: &Shared, host: &Host) -> Arc<Primary> {
        let target = Arc::new(shared.config.target(&Address::Tcp(host.clone())));
        Arc::new(Primary::start(shared, &Place::Member(target)))
    }

    /// Whether that is who was seen.
    pub(crate) fn is(&self, seen: &Seen) -> bool {
        self.id == seen.id && self.host == seen.host
    }
}
