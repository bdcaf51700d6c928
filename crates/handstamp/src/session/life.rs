use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use handstamp_core::time::Timestamp;
use handstamp_core::timeouts::Timeouts;

use crate::SessionError;

/// When a session expires unless it is used, as far as this node knows, and when it is to be touched.
#[derive(Debug)]
pub(crate) struct Life {
    origin: Instant,
    /// When it is to be touched, in nanoseconds since the origin.
    touch_at: AtomicU64,
    /// The idle deadline, in milliseconds since the epoch.
    idle_until: AtomicU64,
    /// What a touch has found: [`LIVE`], [`ENDED`] or [`MOVED`].
    state: AtomicU8,
    /// Whether the record is to be rewritten with the next touch.
    outdated: AtomicBool,
}

impl Life {
    /// The life of a session with the time to live `remaining` at the time `now`, which is the instant `at` of the monotonic clock.
    pub(super) fn new(
        remaining: Duration,
        deadline: Timestamp,
        now: Timestamp,
        at: Instant,
        timeouts: &Timeouts,
    ) -> Self {
        Self {
            origin: at,
            touch_at: AtomicU64::new(nanos(timeouts.touch_due_in(now, deadline, remaining))),
            idle_until: AtomicU64::new(now.saturating_add(remaining).as_millis()),
            state: AtomicU8::new(LIVE),
            outdated: AtomicBool::new(false),
        }
    }

    /// The idle deadline.
    pub(super) fn idle_until(&self) -> Timestamp {
        Timestamp::from_millis(self.idle_until.load(Ordering::Relaxed))
    }

    /// Whether the session is to be touched now. Returns `true` to one caller, which touches it, and `false` to all others, at the same time
    /// and for a tenth of the idle timeout after that.
    pub(crate) fn claim_touch(&self, now: Instant, timeouts: &Timeouts) -> bool {
        let now = nanos(now.saturating_duration_since(self.origin));
        let due = self.touch_at.load(Ordering::Relaxed);
        if now < due {
            return false;
        }
        let next = now.saturating_add(nanos(timeouts.touch_interval()));
        self.touch_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The session was touched, and has the time to live `ttl` at the time `now`.
    pub(crate) fn extended(&self, ttl: Duration, now: Timestamp) {
        self.idle_until.store(now.saturating_add(ttl).as_millis(), Ordering::Relaxed);
    }

    /// A touch has found that the session has ended, or has moved to another id.
    pub(crate) fn end(&self, moved: bool) {
        self.state.store(if moved { MOVED } else { ENDED }, Ordering::Release);
    }

    /// Why the session is over, if a touch has found that it is.
    pub(super) fn over(&self) -> Option<SessionError> {
        match self.state.load(Ordering::Acquire) {
            LIVE => None,
            MOVED => Some(SessionError::Moved),
            _ => Some(SessionError::Gone),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.load(Ordering::Acquire) != LIVE
    }

    /// The record was corrected when it was decoded: the next use rewrites it.
    pub(super) fn rewrite_at_once(&self) {
        self.outdated.store(true, Ordering::Relaxed);
        self.touch_at_once();
    }

    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// There is a newer record.
    pub(super) fn rewritten(&self) {
        self.outdated.store(false, Ordering::Relaxed);
    }

    /// The next use touches the session, because the last touch has failed, or the record has another time to live.
    pub(crate) fn touch_at_once(&self) {
        self.touch_at.store(0, Ordering::Relaxed);
    }
}

const LIVE: u8 = 0;
const ENDED: u8 = 1;
const MOVED: u8 = 2;

/// 584 years fit.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
