use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use handstamp_core::id::{Labels, Namespace};
use handstamp_core::record::Encoding;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::ClusteredStore;
use http::StatusCode;
use tokio::task::JoinHandle;

use super::cookie::{InvalidCookieName, SameSite, SessionCookie};
use super::error_response::Statuses;
use super::respond::CacheControl;
use crate::session::{Queues, Replays};
use crate::{OutagePolicy, SessionData, SessionError, Sessions};

/// The settings of a layer, and the state that its requests share.
#[derive(Clone)]
pub(crate) struct Shared<T> {
    pub(super) sessions: Sessions,
    pub(super) cookie: SessionCookie,
    statuses: Statuses,
    cache_control: CacheControl,
    outage: OutagePolicy,
    last_writer_wins: bool,
    queues: Arc<Queues<T>>,
    claimed: Arc<AtomicBool>,
}

impl<T: SessionData> Shared<T> {
    pub(crate) fn new(sessions: Sessions) -> Self {
        let cookie = SessionCookie::new(sessions.keys(), sessions.plain_http());
        let outage = sessions.outage();
        let queues = Arc::new(Queues::new());
        Self {
            sessions,
            cookie,
            statuses: Statuses::DEFAULT,
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
        // The leader of a queue decides for all saves in it, so the queues are not those of the layer that this is a clone of.
        self.queues = Arc::new(Queues::new());
    }

    /// Only the first time: some routers apply a layer again and again.
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

    pub(crate) fn replays(&self) -> &Replays {
        self.sessions.replays()
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

    pub(crate) fn encoding(&self) -> Encoding {
        self.sessions.encoding()
    }

    pub(crate) fn max_size(&self) -> usize {
        self.sessions.max_size()
    }

    /// Runs `work` to its end, also when the request is cancelled.
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

    /// Whether a layer with these settings has the same sessions as this one.
    pub(super) fn is_same_session(&self, other: &Self) -> bool {
        self.cookie.name() == other.cookie.name() && self.sessions.is_same(&other.sessions)
    }

    /// Logs the error that has replaced a response of the handler.
    pub(crate) fn report_failure(&self, error: &SessionError) {
        if !matches!(error, SessionError::Gone | SessionError::Moved | SessionError::Conflict) {
            self.sessions.report().failure(error, self.now());
        }
    }

    pub(crate) fn report_lost_change(&self) {
        self.sessions.report().lost_change(self.now());
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

    /// The leader of a queue decides for all saves in it.
    #[tokio::test]
    async fn a_save_that_is_replayed_never_shares_a_queue_with_one_that_overwrites() {
        let replaying = Shared::<Nothing>::new(Sessions::start(Config::new()).await.unwrap());
        let mut overwriting = replaying.clone();
        assert!(Arc::ptr_eq(&replaying.queues, &overwriting.queues));
        overwriting.set_last_writer_wins();
        assert!(!Arc::ptr_eq(&replaying.queues, &overwriting.queues));
    }
}
