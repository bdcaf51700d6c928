use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::cookie::Presented;
use handstamp_store::Lookup;
use tokio::task::JoinHandle;

use super::RequestSession;
use super::open::Open;
use super::request_session::State;
use super::snapshot::Snapshot;
use crate::{SessionData, SessionError};

/// An extension of a session's life that is in progress.
pub(crate) type Touch = JoinHandle<Result<(), SessionError>>;

/// How the last attempt of a request to count as a use has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum LastUse {
    /// There was none yet.
    #[default]
    None,
    Done,
    /// So many in a row have failed.
    Failed(u32),
}

/// How a request keeps its session alive while it is in progress.
impl<T: SessionData> RequestSession<T> {
    /// Extends the session's life, if the request counts as a use and it is time for that.
    pub(crate) fn keep_alive(&self) -> Option<Touch> {
        let now = self.shared.now();
        let claimed = self.with_state(|state| match state {
            State::Open(open) if open.counts => self.claim_touch(open, now),
            State::Unopened | State::Failed(_) | State::Open(_) => None,
        });
        Some(self.shared.spawn_touch(claimed?))
    }

    /// The request is still in progress, which counts as a use. A session that has not been extracted yet is loaded for that.
    pub(crate) fn count_use(&self) -> Option<Touch> {
        match &self.presented {
            Presented::Valid(cookie) if self.is_unopened() => {
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
            LastUse::None if self.is_unopened() => soon,
            LastUse::None | LastUse::Done => idle / 2,
            LastUse::Failed(times) => soon * (1 << times.saturating_sub(1).min(MOST_DOUBLINGS)),
        };
        let wait = self.with_state(|state| match (state, &self.presented) {
            (State::Unopened, Presented::Valid(cookie)) => {
                // An outdated entry is good enough for that.
                match self.shared.store().lookup_stale(&self.key_of(cookie), self.shared.now(), idle) {
                    Some(Lookup::Found(session)) => self.wait_before_touch(&session, wait),
                    _ => Some(wait),
                }
            }
            (State::Open(open), _) if open.counts && !open.destroy => {
                self.wait_before_touch(open.origin.as_ref()?, wait)
            }
            _ => None,
        });
        wait.map(|wait| wait.max(SHORTEST_WAIT))
    }

    /// Extends the session's life if it is time for that, and waits until it is done.
    pub(crate) async fn touch(&self) -> Result<(), SessionError> {
        let now = self.shared.now();
        let (over, claimed) = self.with_open(|open| {
            let over = open.origin.as_ref().and_then(|origin| origin.life.over());
            (over, self.claim_touch(open, now))
        });
        if let Some(over) = over {
            return Err(over);
        }
        match claimed {
            Some(session) => self.shared.spawn_touch(session).await.unwrap_or(Err(SessionError::Aborted)),
            None => self.check_that_it_lives().await,
        }
    }

    /// Whether the session has ended meanwhile, as far as the cache knows; the store is asked where it knows nothing.
    async fn check_that_it_lives(&self) -> Result<(), SessionError> {
        let Some(key) = self.origin(|session| session.metadata.key) else { return Ok(()) };
        match self.shared.lookup_or_load(&key).await? {
            Lookup::Absent | Lookup::Ended => Err(SessionError::Gone),
            Lookup::Moved => Err(SessionError::Moved),
            Lookup::Found(_) | Lookup::Unreadable => Ok(()),
        }
    }

    /// The session whose life is to be extended because of this request, if it is time for that.
    pub(super) fn claim_touch(&self, open: &Open<T>, now: Instant) -> Option<Arc<Snapshot<T>>> {
        if self.passive || open.destroy {
            return None;
        }
        let origin = open.origin.as_ref()?;
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
            // It has ended, or was extended by another node: there is no hurry any more.
            longest.max(self.shared.timeouts().touch_interval())
        } else {
            longest.min(left / 2)
        })
    }

    fn is_unopened(&self) -> bool {
        self.with_state(|state| matches!(state, State::Unopened))
    }
}

const SHORTEST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_FIRST_WAIT: Duration = Duration::from_secs(1);

/// With the waits of half a minute that this leads to, an outage costs little.
const MOST_DOUBLINGS: u32 = 5;
