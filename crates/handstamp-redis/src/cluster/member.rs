use std::sync::Arc;

use handstamp_store::Shard;

use super::view::Seen;
use crate::primary::{Primary, Shared};
use crate::server::Place;
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
    pub(crate) fn start(shared: &Shared, shard: Shard, seen: &Seen) -> Self {
        let target = Arc::new(shared.config.target(&Address::Tcp(seen.host.clone())));
        let primary = Arc::new(Primary::start(shared, &Place::Fixed(target)));
        Self { shard, id: seen.id.clone(), host: seen.host.clone(), primary }
    }

    /// Whether that is who was seen.
    pub(crate) fn is(&self, seen: &Seen) -> bool {
        self.id == seen.id && self.host == seen.host
    }
}
