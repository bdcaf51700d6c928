use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::cookie::Presented;
use handstamp_store::Lookup;
use tokio::task::JoinHandle;

use super::RequestSession;
use super::loaded::LoadedSession;
use super::request_session::State;
use super::snapshot::Snapshot;
use crate::{SessionData, SessionError};

/// A touch in progress.
pub(crate) type Touch = JoinHandle<Result<(), SessionError>>;

/// How the last attempt of a request to count as a use has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum LastUse {
    /// There was none yet.
    #[default]
    None,
    Done,
    /// The number of touches in a row that have failed.
    Failed(u32),
}

/// How a request keeps its session alive while it is in progress.
impl<T: SessionData> RequestSession<T> {
    /// Touches the session, if the request counts as a use and it is time for that.
    pub(crate) fn keep_alive(&self) -> Option<Touch> {
        let now = self.shared.now();
        let claimed = self.with_state(|state| match state {
            State::Loaded(session) if session.counts_as_use => self.claim_touch(session, now),
            State::NotLoaded | State::Failed(_) | State::Loaded(_) => None,
        });
        Some(self.shared.spawn_touch(claimed?))
    }

    /// The request is still in progress, which counts as a use. A session that has not been extracted yet is loaded for that.
    pub(crate) fn count_use(&self) -> Option<Touch> {
        match &self.presented {
            Presented::Valid(cookie) if self.is_not_loaded() => {
                let (shared, key) = (self.shared.clone(), self.key_of(cookie));
                Some(self.shared.spawn(async move { shared.count_use(&key).await }))
            }
            _ => self.keep_alive(),
        }
    }

    /// How long to wait before the next [`count_use`](Self::count_use). `None` if it would have no effect.
    ///
    /// The first wait is short, since the session may be about to end when the request arrives, but not zero: most requests
    /// extract their session soon, and some never do.
    pub(crate) fn wait_before_use(&self, last: LastUse) -> Option<Duration> {
        if self.passive {
            return None;
        }
        let idle = self.shared.timeouts().idle;
        let soon = (idle / 20).min(LONGEST_FIRST_WAIT);
        let wait = match last {
            LastUse::None if self.is_not_loaded() => soon,
            LastUse::None | LastUse::Done => idle / 2,
            LastUse::Failed(times) => soon * (1 << times.saturating_sub(1).min(MOST_DOUBLINGS)),
        };
        let wait = self.with_state(|state| match (state, &self.presented) {
            (State::NotLoaded, Presented::Valid(cookie)) => {
                // A stale entry is good enough for that.
                match self.shared.store().lookup_stale(&self.key_of(cookie), self.shared.now(), idle) {
                    Some(Lookup::Found(session)) => self.wait_before_touch(&session, wait),
                    _ => Some(wait),
                }
            }
            (State::Loaded(session), _) if session.counts_as_use && !session.is_destroyed() => {
                self.wait_before_touch(session.origin()?, wait)
            }
            _ => None,
        });
        wait.map(|wait| wait.max(SHORTEST_WAIT))
    }

    /// Touches the session if it is time for that, and waits until that is done.
    pub(crate) async fn touch(&self) -> Result<(), SessionError> {
        let now = self.shared.now();
        let (over, claimed) = self.with_loaded(|session| {
            let over = session.origin().and_then(|origin| origin.life.over());
            (over, self.claim_touch(session, now))
        });
        if let Some(over) = over {
            return Err(over);
        }
        match claimed {
            Some(session) => self.shared.spawn_touch(session).await.unwrap_or(Err(SessionError::Aborted)),
            None => self.check_alive().await,
        }
    }

    /// Checks that the session has not ended meanwhile: in the cache, or else in the store.
    async fn check_alive(&self) -> Result<(), SessionError> {
        let Some(key) = self.origin(|session| session.metadata.key) else { return Ok(()) };
        match self.shared.lookup_or_load(&key).await? {
            Lookup::Absent | Lookup::Ended => Err(SessionError::Gone),
            Lookup::Moved => Err(SessionError::Moved),
            Lookup::Found(_) | Lookup::Unreadable => Ok(()),
        }
    }

    /// The session to touch because of this request, if it is time for that.
    pub(super) fn claim_touch(&self, session: &LoadedSession<T>, now: Instant) -> Option<Arc<Snapshot<T>>> {
        if self.passive || session.is_destroyed() {
            return None;
        }
        let origin = session.origin()?;
        origin.life.claim_touch(now, self.shared.timeouts()).then(|| origin.clone())
    }

    /// At most `longest`, and early enough for a second attempt before the session ends.
    fn wait_before_touch(&self, session: &Snapshot<T>, longest: Duration) -> Option<Duration> {
        let (life, deadline) = (&session.life, session.metadata.expires_at);
        if life.is_over() || life.idle_until() >= deadline {
            return None;
        }
        let left = life.idle_until().since(self.shared.store().timestamp());
        Some(if left.is_zero() {
            // It has expired, or another node has touched it: there is no hurry any more.
            longest.max(self.shared.timeouts().touch_interval())
        } else {
            longest.min(left / 2)
        })
    }

    fn is_not_loaded(&self) -> bool {
        self.with_state(|state| matches!(state, State::NotLoaded))
    }
}

const SHORTEST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_FIRST_WAIT: Duration = Duration::from_secs(1);

/// With the waits of half a minute that this leads to, an outage costs little.
const MOST_DOUBLINGS: u32 = 5;
