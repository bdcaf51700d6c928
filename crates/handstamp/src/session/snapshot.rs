use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use handstamp_core::id::{Handle, SessionKey};
use handstamp_core::record::{Record, Revision};
use handstamp_core::time::Timestamp;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::{BoxError, Clock, SharedError, Stored};

use crate::SessionError;
use crate::data::{OldData, SessionData, decode};

/// A session as it is stored, decoded: what the local cache holds, and all requests share.
#[derive(Debug)]
pub(crate) struct Snapshot<T> {
    pub(crate) envelope: Envelope,
    /// The schema version of the stored data.
    schema: u16,
    pub(crate) data: Arc<T>,
    life: Life,
}

/// What a record says apart from the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) revision: Revision,
    pub(crate) key: SessionKey,
    pub(crate) handle: Handle,
    pub(crate) created_at: Timestamp,
    /// The absolute deadline.
    pub(crate) expires_at: Timestamp,
}

impl<T: SessionData> Snapshot<T> {
    /// What a record says.
    pub(crate) fn decode(
        stored: Stored,
        clock: &dyn Clock,
        timeouts: &Timeouts,
    ) -> Result<Self, SessionError> {
        let Stored { record, remaining } = stored;
        if record.payload.len() > MAX_DECODED {
            return Err(SessionError::Undecodable(SharedError::from(BoxError::from("it is too large"))));
        }
        let data = if record.schema < T::SCHEMA {
            T::migrate(OldData::new(record.schema, record.encoding, &record.payload))
        } else {
            decode(record.encoding, &record.payload)
        };
        match data {
            Ok(data) => {
                Ok(Self::new(&record, Arc::new(data), remaining.unwrap_or_default(), clock, timeouts))
            }
            // It is in good order, only not for this node: no reason to lose it.
            Err(_) if record.schema > T::SCHEMA => Err(newer_schema::<T>(record.schema)),
            Err(error) => Err(SessionError::Undecodable(error.into())),
        }
    }

    /// What `record`, in which `data` is encoded and which has `remaining` to live, says.
    pub(crate) fn new(
        record: &Record,
        data: Arc<T>,
        remaining: Duration,
        clock: &dyn Clock,
        timeouts: &Timeouts,
    ) -> Self {
        let envelope = Envelope::of(record);
        let life = Life::new(remaining, envelope.expires_at, clock, timeouts);
        Self { envelope, schema: record.schema, data, life }
    }

    /// Whether this node may put something else in its place.
    pub(crate) fn check_writable(&self) -> Result<(), SessionError> {
        if self.schema > T::SCHEMA { Err(newer_schema::<T>(self.schema)) } else { Ok(()) }
    }

    /// When the session was last used.
    pub(crate) fn last_seen(&self, now: Timestamp, timeouts: &Timeouts) -> Timestamp {
        timeouts.last_seen(now, self.envelope.created_at, self.life.idle_until().since(now))
    }

    /// When the session ends if it is not used any more.
    pub(crate) fn ends_at(&self) -> Timestamp {
        self.life.idle_until().min(self.envelope.expires_at)
    }

    /// How long the session lives at most, however much it is used.
    pub(crate) fn time_left(&self, now: Timestamp) -> Duration {
        self.envelope.expires_at.since(now)
    }

    /// Whether the session's life should be extended. Whoever is told so does it; all others, at the same time and
    /// for a tenth of the idle timeout after, are told no.
    pub(crate) fn claim_touch(&self, now: Instant, timeouts: &Timeouts) -> bool {
        self.life.claim_touch(now, timeouts)
    }

    /// The life has been extended to `ttl`; `None`: it could not be, and the next request should try.
    pub(crate) fn touched(&self, ttl: Option<Duration>, now: Timestamp) {
        self.life.touched(ttl, now);
    }
}

impl Envelope {
    fn of(record: &Record) -> Self {
        let &Record { revision, key, handle, created_at, expires_at, .. } = record;
        Self { revision, key, handle, created_at, expires_at }
    }

    /// That of the save after this one.
    pub(crate) fn next(self) -> Result<Self, SessionError> {
        Ok(Self { revision: self.revision.next()?, ..self })
    }
}

/// How long the session lives, as far as this node knows.
#[derive(Debug)]
struct Life {
    origin: Instant,
    /// When it is to be extended, in nanoseconds since the origin.
    touch_at: AtomicU64,
    /// The idle deadline, in milliseconds since the epoch.
    idle_until: AtomicU64,
}

impl Life {
    fn new(remaining: Duration, deadline: Timestamp, clock: &dyn Clock, timeouts: &Timeouts) -> Self {
        let now = clock.timestamp();
        Self {
            origin: clock.now(),
            touch_at: AtomicU64::new(nanos(timeouts.touch_due_in(now, deadline, remaining))),
            idle_until: AtomicU64::new(now.saturating_add(remaining).as_millis()),
        }
    }

    fn idle_until(&self) -> Timestamp {
        Timestamp::from_millis(self.idle_until.load(Ordering::Relaxed))
    }

    fn claim_touch(&self, now: Instant, timeouts: &Timeouts) -> bool {
        let now = nanos(now.saturating_duration_since(self.origin));
        let due = self.touch_at.load(Ordering::Relaxed);
        if now < due {
            return false;
        }
        let next = now.saturating_add(nanos(timeouts.touch_interval()));
        self.touch_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn touched(&self, ttl: Option<Duration>, now: Timestamp) {
        match ttl {
            Some(ttl) => self.idle_until.store(now.saturating_add(ttl).as_millis(), Ordering::Relaxed),
            None => self.touch_at.store(0, Ordering::Relaxed),
        }
    }
}

/// 584 years fit.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

const fn newer_schema<T: SessionData>(stored: u16) -> SessionError {
    SessionError::NewerSchema { stored, known: T::SCHEMA }
}

/// More than any node writes: see `Config::session_max_size`. What is larger was not made by us.
pub(crate) const MAX_DECODED: usize = 1 << 20;
