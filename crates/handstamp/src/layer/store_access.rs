use std::sync::Arc;

use handstamp_core::id::SessionKey;
use handstamp_core::keys::KeyAge;
use handstamp_store::{Decoded, Loaded, Lookup, WriteScope};

use super::Shared;
use crate::session::{Snapshot, Unreadable};
use crate::{OutagePolicy, SessionData, SessionError};

/// Reads of sessions, from the local cache and the store.
impl<T: SessionData> Shared<T> {
    /// Looks a session up in the local cache, and otherwise loads it from the store.
    pub(crate) async fn lookup_or_load(
        self: &Arc<Self>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        match self.store().lookup(key, self.now()) {
            Some(known) => Ok(known),
            None => self.load(key).await,
        }
    }

    /// Loads a session from the store. Concurrent loads of the same session share one reply.
    pub(crate) async fn load(
        self: &Arc<Self>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        let shared = self.clone();
        self.store().load(key, move |loaded| shared.decode(loaded)).await
    }

    /// [`load`](Self::load), for a request whose cookie has the id of this key.
    pub(crate) async fn load_for_request(
        self: &Arc<Self>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        let shared = self.clone();
        self.store().load_for_request(key, move |loaded| shared.decode(loaded)).await
    }

    /// Loads a session from the store now: a load that is already in flight does not count.
    pub(crate) async fn load_fresh(
        &self,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        self.store().load_fresh(key, |loaded| self.decode(loaded)).await
    }

    /// [`load_fresh`](Self::load_fresh), within the budget of these writes.
    pub(crate) async fn load_within(
        &self,
        writes: WriteScope<'_>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        writes.load(key, |loaded| self.decode(loaded)).await
    }

    /// Looks up the copy of a session that may be served in an outage.
    pub(crate) fn lookup_stale(&self, key: &SessionKey) -> Option<Lookup<Arc<Snapshot<T>>>> {
        let OutagePolicy::ServeStale(limit) = self.outage() else { return None };
        self.store().lookup_stale(key, self.now(), limit)
    }

    fn decode(&self, loaded: Loaded) -> Result<Decoded<Snapshot<T>>, SessionError> {
        let report = |unreadable: &Unreadable| self.sessions.report().unreadable(unreadable, self.now());
        let (store, now) = (self.store(), self.store().timestamp());
        let contested = loaded.is_contested(now, self.timeouts().touch_interval());
        let reseal = loaded.key_age == KeyAge::Other && !contested;
        let decoded =
            Snapshot::decode(loaded, now, store.is_time_known(), self.now(), self.timeouts(), report)?;
        if let Decoded::Session { entry, .. } = &decoded
            && reseal
        {
            entry.value.life.touch_at_once();
        }
        Ok(decoded)
    }
}
