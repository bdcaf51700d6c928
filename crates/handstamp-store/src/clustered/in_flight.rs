use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::WeakShared;
use handstamp_core::cache::{LoadId, SingleFlight};
use handstamp_core::id::SessionKey;

use super::cached::Cached;

/// The loads in progress. A load runs as long as a request awaits it, and is cancelled with its last waiter.
pub(super) type InFlightLoads = SingleFlight<RunningLoad>;

/// When a load began, and the future that its waiters share.
pub(super) type RunningLoad = (Instant, Option<WeakShared<LoadFuture>>);

pub(super) type LoadFuture = Pin<Box<dyn Future<Output = LoadResult> + Send>>;

/// The result of a load. The type of its error belongs to the layer above.
pub(super) type LoadResult = Result<Cached, Arc<dyn Any + Send + Sync>>;

/// Removes a load from the loads in progress when it ends or is cancelled.
pub(super) struct FinishGuard {
    loads: Arc<InFlightLoads>,
    pub(super) key: SessionKey,
    id: LoadId,
}

impl FinishGuard {
    pub(super) fn new(loads: &Arc<InFlightLoads>, key: &SessionKey, id: LoadId) -> Self {
        Self { loads: loads.clone(), key: *key, id }
    }
}

impl Drop for FinishGuard {
    fn drop(&mut self) {
        self.loads.finish(&self.key, self.id);
    }
}
