use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::id::SessionKey;

use super::decoded::{Decoded, Loaded};
use super::deletes::Kind;
use super::loads::Source;
use super::node::Cached;
use super::{ClusteredStore, Lookup};
use crate::StoreError;

impl ClusteredStore {
    /// What the local cache knows of `key` at the time `now`, by the [`clock`](Self::clock) of this node. `None` when
    /// it knows nothing, or may not say: ask [`load`](Self::load).
    #[must_use]
    pub fn lookup<V: Any + Send + Sync>(&self, key: &SessionKey, now: Instant) -> Option<Lookup<Arc<V>>> {
        self.node.cache.get(key, now)?.into_lookup()
    }

    /// What the local cache held for `key` when the node last heard of every invalidation, if that was no longer
    /// than `limit` before `now`. For when the store cannot be asked: it may be outdated by that much.
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
        self.node.cache.get_stale(key, now, limit)?.into_lookup()
    }

    /// What the store knows of `key`, past the local cache, which then holds it. All who ask for the same session at
    /// the same time share one load.
    ///
    /// # Errors
    ///
    /// When the store has no answer within the load budget, or `decode` has none.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn load<V, E, F>(&self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        V: Any + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Loaded) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let cached = self.node.share_load(key, decode).await?;
        cached.into_lookup().ok_or_else(two_types)
    }

    /// [`load`](Self::load) for a request that has arrived with the id of `key`: if the session has moved to another id, the request counts
    /// among [those with a retired id](Self::reused_ids).
    ///
    /// # Errors
    ///
    /// As with [`load`](Self::load).
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn load_for_request<V, E, F>(&self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        V: Any + Send + Sync,
        E: Any + Clone + From<StoreError> + Send + Sync,
        F: Fn(Loaded) -> Result<Decoded<V>, E> + Send + Sync + 'static,
    {
        let cached = self.node.share_load(key, decode).await?;
        if let Cached::Moved { since } = cached {
            self.note_reuse(key, since);
        }
        cached.into_lookup().ok_or_else(two_types)
    }

    /// What the store knows of `key` *now*: like [`load`](Self::load), but never what another request has asked for
    /// before.
    ///
    /// # Errors
    ///
    /// As with [`load`](Self::load).
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn load_fresh<V, E, F>(&self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        V: Any + Send + Sync,
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        let cached = self.node.load(key, Source::Primary, decode).await?;
        cached.into_lookup().ok_or_else(two_types)
    }

    /// Whether this node could prove that it had heard of every invalidation of at least a part of the sessions, no
    /// longer than `limit` ago.
    #[must_use]
    pub fn fenced_within(&self, limit: Duration) -> bool {
        let now = self.node.clock.now();
        self.node.lanes.any(|lane| lane.freshness.was_fresh(now, limit))
    }
}

impl Cached {
    /// What there is of a session that this node has deleted, at this time at the earliest.
    pub(super) const fn deleted(why: Kind, since: Instant) -> Self {
        match why {
            Kind::Move(_) => Self::Moved { since },
            Kind::Erase | Kind::End => Self::Ended,
        }
    }

    /// `None` if it is of another type.
    fn into_lookup<V: Any + Send + Sync>(self) -> Option<Lookup<Arc<V>>> {
        match self {
            Self::Absent => Some(Lookup::Absent),
            Self::Ended => Some(Lookup::Ended),
            Self::Moved { .. } => Some(Lookup::Moved),
            Self::Present(value) => value.downcast().ok().map(Lookup::Found),
            Self::Unreadable => Some(Lookup::Unreadable),
        }
    }
}

pub(super) fn two_types<E: From<StoreError>>() -> E {
    StoreError::unavailable("one session was asked for as two types").into()
}
