use handstamp_core::cache::CacheStats;
use handstamp_store::BusStats;

use super::Sessions;
use crate::OutagePolicy;

/// The state of the node, and what it has counted. None of these methods queries the store, so they may be called as often as needed.
impl Sessions {
    /// Whether the coordinator, the task that receives invalidations, runs and is subscribed to all shards of the store. Otherwise, reads go
    /// to the store.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.store().is_subscribed()
    }

    /// Whether all shards of the store could be reached at the last check, usually half a second ago, and are known to accept writes. A check
    /// includes a write when a write has failed, and when there was none for ten seconds.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.store().is_healthy()
    }

    /// Whether at least one shard of the store is [healthy](Self::is_healthy): while a shard of a cluster cannot be reached, the sessions in
    /// the other shards are not affected.
    #[must_use]
    pub fn is_partly_healthy(&self) -> bool {
        self.store().is_partly_healthy()
    }

    /// Whether the clock of this machine differs from the store's by five seconds or more. Sessions go by the store's clock; but one of the two
    /// machines has a problem.
    #[must_use]
    pub fn is_clock_skewed(&self) -> bool {
        self.store().is_clock_skewed()
    }

    /// Whether a session was loaded within the last minute that is sealed under a secret which this node does not have. Its requests get 503 on
    /// this node: add the secret to `SESSION_SECRET`.
    #[must_use]
    pub fn is_missing_secret(&self) -> bool {
        self.store().is_missing_secret()
    }

    /// Whether the time of the store is known. Otherwise, sessions expire with the time to live of their records only, and if the store rejects
    /// the query, new sessions begin by the clock of this node.
    #[must_use]
    pub fn is_time_known(&self) -> bool {
        self.store().is_time_known()
    }

    /// Whether load balancers should send requests to this node: at least one shard of the store can be reached, or the policy for
    /// [outages](OutagePolicy) covers the outage so far; and no shutdown has begun. A node that can reach the store, and has never been able to
    /// write to it, is not ready. The policy is that of the settings, not that of a layer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let covered = match self.outage() {
            OutagePolicy::ServeStale(limit) => self.store().fenced_within(limit),
            OutagePolicy::Fail => false,
            OutagePolicy::Anonymous => true,
        };
        let can_serve = !self.store().has_never_been_writable() && !self.is_draining();
        can_serve && (self.store().is_partly_reachable() || covered)
    }

    /// The number of sessions in the local cache.
    #[must_use]
    pub fn cached_sessions(&self) -> usize {
        self.store().cached_sessions()
    }

    /// The statistics of the local cache.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.store().cache_stats()
    }

    /// The statistics of the messages received from the bus.
    #[must_use]
    pub fn bus_stats(&self) -> BusStats {
        self.store().bus_stats()
    }

    /// How often a request used an id that its session had before it was renewed, later than a request that was in flight at the renewal
    /// would.
    #[must_use]
    pub fn reused_ids(&self) -> u64 {
        self.store().reused_ids()
    }

    /// How often the store had an older record of a session than this node has seen: the store has lost a save, or an old record was restored.
    #[must_use]
    pub fn outdated_records(&self) -> u64 {
        self.store().outdated_records()
    }
}
