use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use handstamp_core::id::{Labels, Namespace, SessionKey};
use handstamp_core::keys::KeyAge;
use handstamp_core::record::Encoding;
use handstamp_core::time::Timestamp;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::{ClusteredStore, Decoded, Loaded, Lookup, SaveOutcome, TouchOutcome, WriteScope};
use http::StatusCode;
use tokio::task::JoinHandle;

use super::cookie::{InvalidCookieName, SameSite, SessionCookie};
use super::respond::{CacheControl, Statuses};
use crate::session::{Queues, Snapshot, Touch, Unreadable};
use crate::{OutagePolicy, SessionData, SessionError, Sessions};

/// What all requests of a layer have in common.
#[derive(Clone)]
pub(crate) struct Shared<T> {
    sessions: Sessions,
    cookie: SessionCookie,
    statuses: Statuses,
    cache_control: CacheControl,
    outage: OutagePolicy,
    last_writer_wins: bool,
    queues: Arc<Queues<T>>,
    claimed: Arc<AtomicBool>,
}

impl<T: SessionData> Shared<T> {
    pub(super) fn new(sessions: Sessions) -> Self {
        let cookie = SessionCookie::new(sessions.keys(), sessions.plain_http());
        let statuses = Statuses { gone: StatusCode::UNAUTHORIZED, conflict: StatusCode::CONFLICT };
        let outage = sessions.outage();
        let queues = Arc::new(Queues::new());
        Self {
            sessions,
            cookie,
            statuses,
            cache_control: CacheControl::default(),
            outage,
            last_writer_wins: false,
            queues,
            claimed: Arc::default(),
        }
    }

    pub(super) fn set_cookie_name(&mut self, name: &str) -> Result<(), InvalidCookieName> {
        self.claimed = Arc::default();
        self.cookie.rename(self.sessions.keys(), name)
    }

    pub(super) fn set_same_site(&mut self, same_site: SameSite) {
        self.cookie.set_same_site(same_site);
    }

    pub(super) fn set_partitioned(&mut self) {
        self.cookie.set_partitioned();
    }

    pub(super) fn set_persistent(&mut self) {
        self.cookie.set_persistent();
    }

    pub(super) fn set_cache_control(&mut self, cache_control: CacheControl) {
        self.cache_control = cache_control;
    }

    pub(super) fn set_gone_status(&mut self, status: StatusCode) {
        self.statuses.gone = status;
    }

    pub(super) fn set_conflict_status(&mut self, status: StatusCode) {
        self.statuses.conflict = status;
    }

    pub(super) fn set_outage(&mut self, outage: OutagePolicy) {
        self.outage = outage;
    }

    pub(super) fn set_last_writer_wins(&mut self) {
        self.last_writer_wins = true;
        // Not together with a layer that this one was cloned from.
        self.queues = Arc::new(Queues::new());
    }

    /// Once for each layer: some routers apply theirs again and again.
    pub(super) fn claim_cookie(&self) {
        if !self.claimed.swap(true, Ordering::Relaxed) {
            self.sessions.claim_cookie::<T>(self.cookie.name());
        }
    }

    pub(crate) fn cookie(&self) -> &SessionCookie {
        &self.cookie
    }

    pub(crate) fn statuses(&self) -> Statuses {
        self.statuses
    }

    pub(crate) fn cache_control(&self) -> CacheControl {
        self.cache_control
    }

    pub(crate) fn outage(&self) -> OutagePolicy {
        self.outage
    }

    pub(crate) fn last_writer_wins(&self) -> bool {
        self.last_writer_wins
    }

    pub(crate) fn queues(&self) -> &Queues<T> {
        &self.queues
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.sessions.is_draining()
    }

    pub(crate) fn store(&self) -> &ClusteredStore {
        self.sessions.store()
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        self.sessions.keys().namespace()
    }

    pub(crate) fn labels(&self) -> &Labels {
        self.sessions.labels()
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        self.sessions.timeouts()
    }

    /// How long a record that is written `now` may be kept; `None` when its absolute deadline has passed. Without the store's
    /// time, the deadline says nothing.
    pub(crate) fn time_to_live(&self, now: Timestamp, deadline: Timestamp) -> Option<Duration> {
        if self.store().is_time_known() {
            self.timeouts().time_to_live(now, deadline)
        } else {
            Some(self.timeouts().idle)
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.sessions.encoding()
    }

    pub(crate) fn max_size(&self) -> usize {
        self.sessions.max_size()
    }

    /// Runs `work` to its end, whoever waits for it.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.sessions.spawn(work)
    }

    pub(crate) fn now(&self) -> Instant {
        self.store().clock().now()
    }

    pub(crate) fn enter_runtime(&self) -> tokio::runtime::EnterGuard<'_> {
        self.sessions.enter()
    }

    /// Whether a layer with these settings stands for the same sessions as this one.
    pub(super) fn is_same_session(&self, other: &Self) -> bool {
        self.cookie.name() == other.cookie.name() && self.sessions.is_same(&other.sessions)
    }

    /// What the local cache knows of a session, or else the store.
    pub(crate) async fn lookup_or_load(
        self: &Arc<Self>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        match self.store().lookup(key, self.now()) {
            Some(known) => Ok(known),
            None => self.load(key).await,
        }
    }

    /// What the store knows of a session, past the local cache. All requests that ask at the same time share the reply.
    pub(crate) async fn load(
        self: &Arc<Self>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        let shared = self.clone();
        self.store().load(key, move |loaded| shared.decode(loaded)).await
    }

    /// [`load`](Self::load) for a request that has arrived with the id of this key.
    pub(crate) async fn load_for_request(
        self: &Arc<Self>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        let shared = self.clone();
        self.store().load_for_request(key, move |loaded| shared.decode(loaded)).await
    }

    /// What the store knows of a session now.
    pub(crate) async fn load_fresh(
        &self,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        self.store().load_fresh(key, |loaded| self.decode(loaded)).await
    }

    /// What the store knows of a session now, within the budget of these writes.
    pub(crate) async fn load_within(
        &self,
        writes: WriteScope<'_>,
        key: &SessionKey,
    ) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        writes.load(key, |loaded| self.decode(loaded)).await
    }

    /// What may be served of a session in an outage.
    pub(crate) fn lookup_stale(&self, key: &SessionKey) -> Option<Lookup<Arc<Snapshot<T>>>> {
        let OutagePolicy::ServeStale(limit) = self.outage else { return None };
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

    /// A response of the handler was replaced because of this error.
    pub(crate) fn report_failure(&self, error: &SessionError) {
        if !matches!(error, SessionError::Gone | SessionError::Moved | SessionError::Conflict) {
            self.sessions.report().failure(error, self.now());
        }
    }

    pub(crate) fn report_lost_change(&self) {
        self.sessions.report().lost_change(self.now());
    }

    /// Extends the life of a session that has not been extracted yet, if it is time for that.
    pub(crate) async fn count_use(self: &Arc<Self>, key: &SessionKey) -> Result<(), SessionError> {
        match self.lookup_or_load(key).await? {
            Lookup::Found(session) if session.life.claim_touch(self.now(), self.timeouts()) => {
                self.spawn_touch(session).await.unwrap_or(Err(SessionError::Aborted))
            }
            _ => Ok(()),
        }
    }

    /// Extends the session's life while the request goes on.
    pub(crate) fn spawn_touch(self: &Arc<Self>, session: Arc<Snapshot<T>>) -> Touch {
        let shared = self.clone();
        self.spawn(async move {
            match shared.extend(&session).await {
                Ok(()) => Ok(()),
                // It has ended or moved meanwhile, and this node knows now.
                Err(error @ (SessionError::Gone | SessionError::Moved)) => {
                    session.life.end(matches!(error, SessionError::Moved));
                    Err(error)
                }
                Err(error) => {
                    session.life.touch_at_once();
                    tracing::debug!(error = &error as &dyn Error, "a session's life could not be extended");
                    Err(error)
                }
            }
        })
    }

    /// Has the store confirm that a session is there, and its record sealed under the key that seals today. Returns how long the session
    /// lives at most; `None` if that is not so.
    pub(crate) async fn confirm(
        &self,
        session: &Snapshot<T>,
        writes: WriteScope<'_>,
    ) -> Result<Option<Duration>, SessionError> {
        writes.learn_time().await?;
        let now = self.store().timestamp();
        let deadline = session.envelope.expires_at;
        let ttl = self.time_to_live(now, deadline).ok_or(SessionError::Gone)?;
        let confirmed = writes.confirm(&session.envelope.key, ttl, self.timeouts().touch_interval()).await?;
        Ok((confirmed == Some(KeyAge::Current)).then(|| session.time_left(now)))
    }

    async fn extend(&self, session: &Snapshot<T>) -> Result<(), SessionError> {
        let writes = self.store().writes();
        writes.learn_time().await?;
        if session.life.is_outdated() {
            match session.rewrite(self, writes).await? {
                SaveOutcome::Saved => return Ok(()),
                SaveOutcome::Moved => return Err(SessionError::Moved),
                SaveOutcome::Gone => return Err(SessionError::Gone),
                // A save that was faster has replaced the record.
                SaveOutcome::Conflict => {}
            }
        }
        let now = self.store().timestamp();
        let ttl = self.time_to_live(now, session.envelope.expires_at).ok_or(SessionError::Gone)?;
        let key = &session.envelope.key;
        let touched = match session.key_age {
            KeyAge::Current => writes.touch(key, ttl).await?,
            KeyAge::Other => writes.reseal(key, ttl).await?,
        };
        match touched {
            TouchOutcome::Touched => {
                session.life.extended(ttl, now);
                Ok(())
            }
            TouchOutcome::Moved => Err(SessionError::Moved),
            TouchOutcome::Gone => Err(SessionError::Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Config;

    #[derive(Clone, Default, Deserialize, Serialize)]
    struct Nothing {}

    impl SessionData for Nothing {}

    /// Whoever is at the head of a queue decides for all who wait there.
    #[tokio::test]
    async fn who_replays_never_waits_together_with_who_overwrites() {
        let strict = Shared::<Nothing>::new(Sessions::start(Config::new()).await.unwrap());
        let mut careless = strict.clone();
        assert!(Arc::ptr_eq(&strict.queues, &careless.queues));
        careless.set_last_writer_wins();
        assert!(!Arc::ptr_eq(&strict.queues, &careless.queues));
    }
}
