use std::marker::PhantomData;
use std::sync::Arc;

use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::Encoding;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::{ClusteredStore, Lookup, TouchOutcome};
use http::StatusCode;

use super::cookie::{InvalidCookieName, SameSite, SessionCookie};
use crate::session::Snapshot;
use crate::{Runtime, SessionData, SessionError};

/// What all requests of a layer have in common.
#[derive(Clone)]
pub(crate) struct Shared<T> {
    runtime: Runtime,
    cookie: SessionCookie,
    gone_status: StatusCode,
    data: PhantomData<fn() -> T>,
}

impl<T: SessionData> Shared<T> {
    pub(super) fn new(runtime: Runtime) -> Self {
        let cookie = SessionCookie::new(runtime.keys(), runtime.plain_http());
        Self { runtime, cookie, gone_status: StatusCode::UNAUTHORIZED, data: PhantomData }
    }

    pub(super) fn set_cookie_name(&mut self, name: &str) -> Result<(), InvalidCookieName> {
        self.cookie.rename(self.runtime.keys(), name)
    }

    pub(super) fn set_same_site(&mut self, same_site: SameSite) {
        self.cookie.same_site = same_site;
    }

    pub(super) fn set_gone_status(&mut self, status: StatusCode) {
        self.gone_status = status;
    }

    pub(crate) fn cookie(&self) -> &SessionCookie {
        &self.cookie
    }

    pub(crate) fn gone_status(&self) -> StatusCode {
        self.gone_status
    }

    pub(crate) fn store(&self) -> &ClusteredStore {
        self.runtime.store()
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        self.runtime.keys().namespace()
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        self.runtime.timeouts()
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.runtime.encoding()
    }

    pub(crate) fn max_size(&self) -> usize {
        self.runtime.max_size()
    }

    /// Runs `work` to its end, whoever waits for it.
    pub(crate) fn spawn<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(work)
    }

    /// What the store knows of a session, past the local cache.
    pub(crate) async fn load(&self, key: &SessionKey) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
        let (store, timeouts) = (self.store(), self.timeouts());
        store.load(key, |stored| Snapshot::decode(stored, store.clock(), timeouts)).await
    }

    /// Extends the session's life while the answer is on its way.
    pub(crate) fn spawn_touch(self: &Arc<Self>, session: Arc<Snapshot<T>>) {
        let shared = self.clone();
        drop(self.spawn(async move {
            let store = shared.store();
            let now = store.clock().timestamp();
            let Some(ttl) = shared.timeouts().time_to_live(now, session.envelope.expires_at) else { return };
            match store.writes().touch(&session.envelope.key, ttl).await {
                Ok(TouchOutcome::Touched) => session.touched(Some(ttl), now),
                // It has ended meanwhile, and this node knows now.
                Ok(TouchOutcome::Gone) => {}
                Err(error) => {
                    session.touched(None, now);
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "a session's life could not be extended"
                    );
                }
            }
        }));
    }
}
