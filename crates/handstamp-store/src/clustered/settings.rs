use std::time::Duration;

/// How a node caches, and how long it waits.
///
/// ```
/// use std::time::Duration;
/// use handstamp_store::NodeSettings;
///
/// let settings = NodeSettings { cache_ttl: Duration::from_secs(5), ..NodeSettings::default() };
/// assert_eq!(settings.max_staleness, Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NodeSettings {
    /// How long an entry of the local cache is in date. Default: 30 seconds.
    pub cache_ttl: Duration,
    /// How many sessions the local cache holds; 0 does without it. Default: 10,000.
    pub cache_max_entries: usize,
    /// How much memory these sessions may take, in bytes, by a measured estimate; 0 does without the cache. Default: 64 MiB.
    pub cache_max_bytes: usize,
    /// How long this node may go on serving from its cache without proof that it has heard of every
    /// invalidation: a session that was ended anywhere is served here no longer than this. Default: 2 seconds.
    ///
    /// Where the replies of the store take longer than this, nothing is served from the cache.
    pub max_staleness: Duration,
    /// How long a read waits for the store. Default: 250 milliseconds.
    pub load_budget: Duration,
    /// How long a write waits for the store. Default: 500 milliseconds.
    pub save_budget: Duration,
    /// Whether a session ends when an id is used that it had before, as RFC 9700 has it for refresh tokens: see
    /// [`ClusteredStore::reused_ids`](super::ClusteredStore::reused_ids). Default: no.
    pub end_on_reuse: bool,
}

impl NodeSettings {
    /// How often the proof is renewed: several times within `max_staleness`, so that one slow answer is no gap.
    pub(super) fn beat(&self) -> Duration {
        (self.max_staleness / 4).max(Duration::from_millis(1))
    }

    /// How long a fence, or a reply about the shard itself, may take before something counts as wrong. That is no less than any
    /// other reply may take.
    pub(super) fn fence_timeout(&self) -> Duration {
        (self.max_staleness / 2).max(self.load_budget)
    }

    /// How long it may take to subscribe: to connect, and to introduce itself, takes several replies.
    pub(super) fn subscribe_timeout(&self) -> Duration {
        self.load_budget.saturating_mul(6).max(Duration::from_secs(2))
    }

    /// How long it may take to find out whether writes work: a few commands, one after the other.
    pub(super) fn writes_timeout(&self) -> Duration {
        self.save_budget.saturating_mul(4).max(Duration::from_secs(2))
    }

    /// At most one clearing of the cache a second, but a request for one is never put off beyond the bound.
    pub(super) fn clearing_interval(&self) -> Duration {
        (self.max_staleness / 2).min(Duration::from_secs(1))
    }
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            cache_ttl: Duration::from_secs(30),
            cache_max_entries: 10_000,
            cache_max_bytes: 64 << 20,
            max_staleness: Duration::from_secs(2),
            load_budget: Duration::from_millis(250),
            save_budget: Duration::from_millis(500),
            end_on_reuse: false,
        }
    }
}
