//! Sessions are read, from the cache or from the store.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::cache::{CachedSession, Found};
use handstamp_core::id::SessionKey;

use super::cached::{Absence, type_mismatch};
use super::clustered_store::ClusteredStore;
use super::loads::Source;
use super::lookup::Lookup;
use super::stored_reply::{Decoded, Loaded};
use crate::StoreError;

impl ClusteredStore {
    /// The copy of `key` in the local cache at the time `now`, by the [`clock`](Self::clock) of this node. `None` if it has nothing that can be
    /// served: then [`load`](Self::load).
    #[must_use]
    pub fn lookup<V: Any + Send + Sync>(&self, key: &SessionKey, now: Instant) -> Option<Lookup<Arc<V>>> {
        Lookup::of(self.node.cache.sessions.entries.get(key, now)?)
    }

    /// The copy of `key` that the local cache had when the node last had a proof that every invalidation had arrived, if that was no longer than
    /// `limit` before `now`. It may be outdated by that much: this is for an outage of the store.
    #[must_use]
    pub fn lookup_stale<V: Any + Send + Sync>(
        &self,
        key: &SessionKey,
        now: Instant,
        limit: Duration,
    ) -> Option<Lookup<Arc<V>>> {
        if self.node.check_open().is_err() {
            return None;
        }
        Lookup::of(self.node.cache.sessions.entries.get_stale(key, now, limit)?)
    }

    /// Loads `key` from the store into the local cache. Concurrent loads of the same session are one load.
    ///
    /// # Errors
    ///
    /// If the store does not reply within the load budget, or `decode` fails.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn load<V, E, F>(&self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        V: Any + CachedSession + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Loaded) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let cached = self.node.share_load(key, decode).await?;
        Lookup::of(cached).ok_or_else(type_mismatch)
    }

    /// [`load`](Self::load) for a request that has the id of `key`. If the session has moved to another id, the request counts as
    /// [use of a former id](Self::reused_ids).
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn load_for_request<V, E, F>(&self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        V: Any + CachedSession + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Loaded) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let cached = self.node.share_load(key, decode).await?;
        if let Found::Absence(Absence::Moved { since }) = cached {
            self.record_reuse(key, since);
        }
        Lookup::of(cached).ok_or_else(type_mismatch)
    }

    /// [`load`](Self::load) that never shares a load that began before.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn load_fresh<V, E, F>(&self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        V: Any + CachedSession + Send + Sync,
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        let cached = self.node.load(key, Source::Primary, decode).await?;
        Lookup::of(cached).ok_or_else(type_mismatch)
    }

    /// Whether this node had a proof, no longer than `limit` ago, that every invalidation of at least one shard had arrived.
    #[must_use]
    pub fn fenced_within(&self, limit: Duration) -> bool {
        self.node.cache.sessions.was_fresh(self.node.clock.now(), limit)
    }
}
