use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::WeakShared;
use handstamp_core::cache::{self, LoadId};
use handstamp_core::id::SessionKey;

use super::node::{Cached, Node};

/// The loads in progress. A load runs as long as somebody awaits it, and is cancelled with its last waiter.
pub(super) type SingleFlight = cache::SingleFlight<Running>;

/// When a load began, and what its waiters share.
pub(super) type Running = (Instant, Option<WeakShared<Flight>>);

pub(super) type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// What a load brings, without the types of the layer above: the error is one of its.
pub(super) type Landed = Result<Cached, Arc<dyn Any + Send + Sync>>;

/// Takes a load off the list when it ends, also if it is cancelled.
pub(super) struct Landing {
    node: Arc<Node>,
    pub(super) key: SessionKey,
    number: LoadId,
}

impl Landing {
    pub(super) fn new(node: &Arc<Node>, key: &SessionKey, number: LoadId) -> Self {
        Self { node: node.clone(), key: *key, number }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.node.loads_in_flight.finish(&self.key, self.number);
    }
}
