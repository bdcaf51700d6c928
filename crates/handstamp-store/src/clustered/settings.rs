use std::time::Duration;

/// How a node caches, and how long it waits for the store.
///
/// ```
/// use std::time::Duration;
/// use handstamp_store::NodeSettings;
///
/// let settings = NodeSettings::default().with_cache_ttl(Duration::from_secs(5));
/// assert_eq!(settings.max_staleness, Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NodeSettings {
    /// The time to live of an entry in the local cache. Default: 30 seconds.
    pub cache_ttl: Duration,
    /// The maximum number of sessions in the local cache; 0 disables it. Default: 10,000.
    pub cache_max_entries: usize,
    /// The maximum size of the local cache in bytes, by a measured estimate; 0 disables it. Default: 64 MiB.
    pub cache_max_bytes: usize,
    /// How long this node serves from its cache after the last proof that every invalidation has arrived: a session that is ended
    /// anywhere is served here no longer than this. Default: 2 seconds.
    ///
    /// If the replies of the store take longer than this, nothing is served from the cache.
    pub max_staleness: Duration,
    /// How long a read waits for the store. Default: 250 milliseconds.
    pub load_budget: Duration,
    /// How long a write waits for the store. Default: 500 milliseconds.
    pub save_budget: Duration,
    /// Whether a session is ended when a request uses an id that it had before, as in RFC 9700 for refresh tokens: see
    /// [`ClusteredStore::reused_ids`](super::ClusteredStore::reused_ids). Default: no.
    pub end_on_reuse: bool,
}

impl NodeSettings {
    /// Sets [`cache_ttl`](Self#structfield.cache_ttl).
    #[must_use]
    pub const fn with_cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self
    }

    /// Sets [`cache_max_entries`](Self#structfield.cache_max_entries).
    #[must_use]
    pub const fn with_cache_max_entries(mut self, entries: usize) -> Self {
        self.cache_max_entries = entries;
        self
    }

    /// Sets [`cache_max_bytes`](Self#structfield.cache_max_bytes).
    #[must_use]
    pub const fn with_cache_max_bytes(mut self, bytes: usize) -> Self {
        self.cache_max_bytes = bytes;
        self
    }

    /// Sets [`max_staleness`](Self#structfield.max_staleness).
    #[must_use]
    pub const fn with_max_staleness(mut self, limit: Duration) -> Self {
        self.max_staleness = limit;
        self
    }

    /// Sets [`load_budget`](Self#structfield.load_budget).
    #[must_use]
    pub const fn with_load_budget(mut self, budget: Duration) -> Self {
        self.load_budget = budget;
        self
    }

    /// Sets [`save_budget`](Self#structfield.save_budget).
    #[must_use]
    pub const fn with_save_budget(mut self, budget: Duration) -> Self {
        self.save_budget = budget;
        self
    }

    /// Sets [`end_on_reuse`](Self#structfield.end_on_reuse).
    #[must_use]
    pub const fn with_end_on_reuse(mut self, end: bool) -> Self {
        self.end_on_reuse = end;
        self
    }

    /// The interval of fences: several within `max_staleness`, so that the cache stays in use when one is slow.
    pub(super) fn fence_interval(&self) -> Duration {
        (self.max_staleness / 4).max(Duration::from_millis(1))
    }

    /// How long a fence or a check may take before it counts as failed. A load may take as long.
    pub(super) fn fence_timeout(&self) -> Duration {
        (self.max_staleness / 2).max(self.load_budget)
    }

    /// How long subscribing may take: connecting and authenticating take several round trips.
    pub(super) fn subscribe_timeout(&self) -> Duration {
        self.load_budget.saturating_mul(6).max(Duration::from_secs(2))
    }

    /// How long a check of writes may take: it consists of several commands, one after the other.
    pub(super) fn write_check_timeout(&self) -> Duration {
        self.save_budget.saturating_mul(4).max(Duration::from_secs(2))
    }

    /// The minimum time between two clears. It is below `max_staleness`, so that a delayed clear keeps that bound.
    pub(super) fn clear_interval(&self) -> Duration {
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
