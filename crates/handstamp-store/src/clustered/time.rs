//! The time of the store.

use std::time::Instant;

use futures_util::future::select_ok;
use handstamp_core::time::Timestamp;

use super::node::Node;
use crate::{Shard, StoreError};

impl Node {
    /// The wall-clock time that all nodes share, or that of this node as long as the shared one is not known.
    pub(super) fn timestamp(&self) -> Timestamp {
        self.timestamp_at(self.clock.now())
    }

    /// [`timestamp`](Self::timestamp) at the instant `now`, which has just been read.
    pub(super) fn timestamp_at(&self, now: Instant) -> Timestamp {
        self.time.at(now).unwrap_or_else(|| self.clock.timestamp())
    }

    /// Queries the time of a shard. Returns its present time; `None` if the store has no clock.
    pub(super) async fn query_time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        let sent_at = self.clock.now();
        let Some(time) = self.store.time(shard).await? else {
            self.time.use_own_clock();
            return Ok(None);
        };
        // The shard most likely read its clock in the middle of the round trip.
        let half = self.clock.now().saturating_duration_since(sent_at) / 2;
        self.time.record(shard, time, sent_at + half);
        Ok(Some(time.saturating_add(half)))
    }

    /// Queries the time unless it is known: deadlines must not be judged by a clock that may be wrong. If the store rejects the query, nodes
    /// use their own clocks.
    ///
    /// # Errors
    ///
    /// If no shard replies.
    pub(super) async fn learn_time(&self) -> Result<(), StoreError> {
        if self.time.is_known() {
            return Ok(());
        }
        let shards = self.store.shards().current();
        if shards.is_empty() {
            return Err(StoreError::unavailable("no shard of the store is known"));
        }
        let queries = shards.into_iter().map(|shard| Box::pin(self.query_time(shard)));
        match select_ok(queries).await {
            Ok(_) | Err(StoreError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
