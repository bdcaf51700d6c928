use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cookie::{Presented, VerifiedCookie};

use super::RequestSession;
use super::absence::Absence;
use super::loaded::{LoadedSession, Origin};
use super::request_session::State;
use super::snapshot::Snapshot;
use crate::{OutagePolicy, SessionData, SessionError};

/// Whether a session is loaded in order to be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    /// It is, which keeps it alive.
    Counts,
    /// It is only looked at.
    Peek,
}

/// The session whose life is to be extended.
type ToTouch<T> = Option<Arc<Snapshot<T>>>;

/// Loads the session of a request: from the cache, from the store, or as the policy for outages says.
impl<T: SessionData> RequestSession<T> {
    /// Loads the session, unless that has been done.
    pub(crate) async fn load(&self, purpose: Use) -> Result<(), SessionError> {
        let claimed = match self.load_from_cache(purpose) {
            Some(loaded) => loaded?,
            // Boxed, or the future of every handler would contain that of the store.
            None => Box::pin(self.load_from_store(purpose)).await?,
        };
        if let Some(session) = claimed {
            drop(self.shared.spawn_touch(session));
        }
        Ok(())
    }

    /// Loads the session; begins with an empty one where there is a record that this node cannot use, or must not overwrite.
    pub(crate) async fn load_for_login(&self) -> Result<(), SessionError> {
        let loaded = self.load(Use::Counts).await;
        let act = |state: &mut State<T>| match state {
            State::Failed(error) if error.is_of_another_node() => {
                let mut session = self.loaded(Origin::Missing(Absence::NoTrace));
                session.cannot_use_record(error.clone());
                *state = State::Loaded(session);
                Ok(())
            }
            State::Loaded(session) => {
                if let Some(reason) = session.origin().and_then(|origin| origin.check_writable().err()) {
                    session.cannot_use_record(reason);
                }
                Ok(())
            }
            State::NotLoaded | State::Failed(_) => loaded,
        };
        self.change(|| self.with_state(act))
    }

    /// `None` if the store has to be queried.
    fn load_from_cache(&self, purpose: Use) -> Option<Result<ToTouch<T>, SessionError>> {
        self.with_state(|state| {
            let now = self.shared.now();
            match state {
                State::NotLoaded => {}
                State::Failed(error) => return Some(Err(error.clone())),
                State::Loaded(session) => return Some(Ok(self.claim_touch_for(purpose, session, now))),
            }
            let origin = match &self.presented {
                Presented::Valid(cookie) => {
                    Origin::of(self.shared.store().lookup(&self.key_of(cookie), now)?)
                }
                Presented::Ambiguous(_) => return None,
                Presented::Truncated => return Some(Err(SessionError::TooManyCookies)),
                Presented::Nothing | Presented::Invalid(_) => Origin::Missing(Absence::NoTrace),
            };
            let mut session = self.loaded(origin);
            let claimed = self.claim_touch_for(purpose, &mut session, now);
            *state = State::Loaded(session);
            Some(Ok(claimed))
        })
    }

    fn claim_touch_for(&self, purpose: Use, session: &mut LoadedSession<T>, now: Instant) -> ToTouch<T> {
        session.counts_as_use |= purpose == Use::Counts;
        if purpose == Use::Counts { self.claim_touch(session, now) } else { None }
    }

    #[cold]
    async fn load_from_store(&self, purpose: Use) -> Result<ToTouch<T>, SessionError> {
        let loaded = match &self.presented {
            Presented::Valid(cookie) => self.load_origin(cookie).await.map(|origin| self.loaded(origin)),
            Presented::Ambiguous(cookies) => self.disambiguate(cookies).await,
            Presented::Truncated => Err(SessionError::TooManyCookies),
            Presented::Nothing | Presented::Invalid(_) => Ok(self.loaded(Origin::Missing(Absence::NoTrace))),
        };
        let mut loaded = Some(loaded);
        self.with_state(|state| {
            // Two tasks may have loaded at the same time: the first one's session is the one that is in use.
            if let State::NotLoaded = state
                && let Some(loaded) = loaded.take()
            {
                *state = match loaded {
                    Ok(session) => State::Loaded(session),
                    Err(error) => State::Failed(error),
                };
            }
            match state {
                State::Failed(error) => Err(error.clone()),
                State::Loaded(session) => Ok(self.claim_touch_for(purpose, session, self.shared.now())),
                State::NotLoaded => Ok(None),
            }
        })
    }

    /// The state in the store, or according to the policy for outages.
    pub(super) async fn load_origin(&self, cookie: &VerifiedCookie) -> Result<Origin<T>, SessionError> {
        let (shared, key) = (&self.shared, self.key_of(cookie));
        // While the store is known to be unreachable, querying it first would only take time.
        if !shared.store().is_reachable_for(&key)
            && let Some(stale) = shared.lookup_stale(&key)
        {
            return Ok(Origin::of(stale));
        }
        match shared.load_for_request(&key).await {
            Err(error) if error.is_outage() => match (shared.outage(), shared.lookup_stale(&key)) {
                (_, Some(stale)) => Ok(Origin::of(stale)),
                (OutagePolicy::Anonymous, None) => Ok(Origin::Unknown(error)),
                (OutagePolicy::ServeStale(_) | OutagePolicy::Fail, None) => Err(error),
            },
            loaded => loaded.map(Origin::of),
        }
    }
}
