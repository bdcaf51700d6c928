use std::fmt;

use futures_util::TryFutureExt;
use tokio::time::{Instant, timeout_at};

use super::node::Node;
use super::retry::retry_lost_reply;
use super::shard_state::ShardState;
use crate::StoreError;

/// The writes of one request: see [`ClusteredStore::writes`](super::ClusteredStore::writes).
///
/// All share one save budget. After an error, the write may have been carried out or not: the cached copy of the session is marked stale, and
/// is served only in an outage, if the policy says so.
///
/// # Cancel safety
///
/// The writes are not cancel safe: if the future is dropped, the write may have been carried out or not.
#[derive(Clone, Copy)]
pub struct WriteScope<'n> {
    pub(super) node: &'n Node,
    deadline: Instant,
}

impl<'n> WriteScope<'n> {
    pub(super) fn new(node: &'n Node) -> Self {
        Self { node, deadline: Instant::now() + node.settings.save_budget }
    }

    /// Whether the budget is used up.
    #[must_use]
    pub fn deadline_passed(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Limits any work to the rest of the budget.
    ///
    /// # Errors
    ///
    /// [`StoreError::TimedOut`] if the budget is used up first.
    pub fn with_deadline<T>(
        self,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        // An async function would contain `work` twice.
        timeout_at(self.deadline, work).map_err(|_| StoreError::TimedOut)
    }

    /// Waits until the time of the store is known, which deadlines are set and judged by.
    ///
    /// # Errors
    ///
    /// If no shard returns its time within the budget.
    pub async fn learn_time(self) -> Result<(), StoreError> {
        if self.node.time.is_known() { Ok(()) } else { self.with_deadline(self.node.learn_time()).await? }
    }

    /// Sends a write to a shard, and retries it once if its reply was lost. For `proves_first`, see [`retry_lost_reply`].
    pub(super) async fn write<T, F>(
        self,
        shard: &ShardState,
        call: impl FnMut() -> F,
        proves_first: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.node.check_open()?;
        let written = timeout_at(self.deadline, retry_lost_reply(call, proves_first)).await;
        let written = written.unwrap_or(Err(StoreError::TimedOut));
        match &written {
            Ok(_) => shard.writes.succeeded(self.node.clock.now()),
            Err(_) => shard.writes.failed(),
        }
        written
    }
}

impl fmt::Debug for WriteScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteScope").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
