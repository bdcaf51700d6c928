//! The health of a node, as far as its listeners know. Nothing here sends a command.

use std::sync::atomic::Ordering;

use handstamp_core::id::SessionKey;

use super::clustered_store::ClusteredStore;
use super::status::Status;

impl ClusteredStore {
    /// Whether the listeners run, and have a live subscription to every shard.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.coordinator.status(Status::is_subscribed)
    }

    /// Whether all shards can be reached and accept writes, as of the last checks. They are checked several times within
    /// `max_staleness`.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.coordinator.status(Status::is_healthy)
    }

    /// Whether at least one shard is healthy.
    #[must_use]
    pub fn is_partly_healthy(&self) -> bool {
        self.coordinator.status(Status::is_partly_healthy)
    }

    /// Whether all shards can be reached, although they may not accept writes.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.coordinator.status(Status::is_reachable)
    }

    /// Whether at least one shard can be reached, although it may not accept writes.
    #[must_use]
    pub fn is_partly_reachable(&self) -> bool {
        self.coordinator.status(Status::is_partly_reachable)
    }

    /// Whether the shard of the session can be reached.
    #[must_use]
    pub fn is_reachable_for(&self, key: &SessionKey) -> bool {
        self.coordinator.status(|status| {
            // Usually all can be reached, and the slot of the key need not be computed.
            status.is_reachable() || status.shard(self.node.store.shard_of(key)).reachable == Some(true)
        })
    }

    /// Whether at least one shard accepts writes.
    #[must_use]
    pub fn is_partly_writable(&self) -> bool {
        self.coordinator.status(Status::is_partly_writable)
    }

    /// Whether no write has ever worked, although the store can be reached or has rejected writes: this node cannot be used, or not yet.
    #[must_use]
    pub fn has_never_been_writable(&self) -> bool {
        self.coordinator.status(Status::is_unwritable) && !self.node.has_written.load(Ordering::Relaxed)
    }

    /// Whether the wall clock of this node differs from that of the store by five seconds or more. Sessions use the clock of the store.
    #[must_use]
    pub fn is_clock_skewed(&self) -> bool {
        self.coordinator.status(Status::is_clock_skewed)
    }

    /// Whether a record was loaded within the last minute that is sealed under a secret that this node does not have.
    #[must_use]
    pub fn is_missing_secret(&self) -> bool {
        self.node.unknown_keys.were_seen_recently(self.node.clock.now())
    }

    /// Whether the store has returned its time since this node started, or has no clock. Otherwise [`timestamp`](Self::timestamp) may
    /// be wrong, and no deadline may be judged by it.
    #[must_use]
    pub fn is_time_known(&self) -> bool {
        self.node.time.is_known()
    }

    /// Waits until this node has a subscription to all shards and has checked each once. Never returns if a shard cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait_until_ready(&self) {
        self.coordinator.until_settled().await;
    }
}
