use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Mark, Record, Revision};
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use super::MemoryBus;
use crate::{
    Clock, CreateOutcome, RetireOutcome, SaveOutcome, Shard, Store, StoreError, Stored, SystemClock,
    TouchOutcome,
};

/// Keeps records in this process, and nowhere else. Clones are the same store.
#[derive(Clone)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    bus: MemoryBus,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store that publishes its notices on `bus`.
    #[must_use]
    pub fn new(bus: MemoryBus) -> Self {
        Self::with_clock(bus, Arc::new(SystemClock))
    }

    /// An empty store that lives by `clock`.
    #[must_use]
    pub fn with_clock(bus: MemoryBus, clock: Arc<dyn Clock>) -> Self {
        Self { records: Arc::default(), bus, clock }
    }

    /// The number of records in date.
    #[must_use]
    pub fn len(&self) -> usize {
        let now = self.clock.now();
        self.records.lock().by_key.values().filter(|kept| kept.is_live(now)).count()
    }

    /// Takes the time to live of the record of `key` away, as somebody who makes it permanent by hand does.
    pub fn make_permanent(&self, key: &SessionKey) {
        if let Some(kept) = self.records.lock().by_key.get_mut(key) {
            kept.until = None;
        }
    }

    /// Removes the record of `key` and tells nobody, as somebody who removes it by hand does.
    pub fn forget(&self, key: &SessionKey) {
        self.records.lock().by_key.remove(key);
    }

    /// Whether there is no record in date.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store for MemoryStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        let stored = |kept: &mut Kept| Stored {
            record: kept.record.clone(),
            remaining: kept.until.map(|until| until.saturating_duration_since(now)),
        };
        Ok(records.live(key, now).map(stored))
    }

    async fn create(&self, record: &Record, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        match records.live(&record.key, now) {
            Some(kept) if kept.record.revision == record.revision => Ok(CreateOutcome::Created),
            Some(_) => Ok(CreateOutcome::Exists),
            None => {
                records.sweep_now_and_then(now);
                records
                    .by_key
                    .insert(record.key, Kept { record: record.clone(), until: Some(later(now, ttl)) });
                Ok(CreateOutcome::Created)
            }
        }
    }

    async fn save(
        &self,
        record: &Record,
        replacing: Revision,
        ttl: Duration,
        notice: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        let Some(kept) = records.live(&record.key, now) else {
            return Ok(SaveOutcome::Gone);
        };
        if kept.record.revision == record.revision {
            return Ok(SaveOutcome::Saved);
        }
        if kept.record.revision != replacing {
            return Ok(SaveOutcome::Conflict);
        }
        *kept = Kept { record: record.clone(), until: Some(later(now, ttl)) };
        self.bus.send(notice);
        Ok(SaveOutcome::Saved)
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let now = self.clock.now();
        match self.records.lock().live(key, now) {
            Some(kept) => {
                kept.until = Some(later(now, ttl));
                Ok(TouchOutcome::Touched)
            }
            None => Ok(TouchOutcome::Gone),
        }
    }

    async fn delete(&self, key: &SessionKey, notice: Bytes) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        let removed = records.by_key.remove(key).is_some_and(|kept| kept.is_live(now));
        if removed {
            self.bus.send(notice);
        }
        Ok(removed)
    }

    async fn retire(
        &self,
        key: &SessionKey,
        revision: Revision,
        mark: Mark,
        ttl: Duration,
        notice: Bytes,
    ) -> Result<RetireOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        let is_marked = records.marks.get(key).is_some_and(|(left, _)| *left == mark);
        match records.live(key, now) {
            None if is_marked => Ok(RetireOutcome::Retired),
            None => Ok(RetireOutcome::Gone),
            Some(kept) if kept.record.revision != revision => Ok(RetireOutcome::Conflict),
            Some(_) => {
                records.by_key.remove(key);
                records.marks.insert(*key, (mark, later(now, ttl)));
                self.bus.send(notice);
                Ok(RetireOutcome::Retired)
            }
        }
    }

    async fn unmark(&self, key: &SessionKey, mark: Mark) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        if records.marks.get(key).is_some_and(|(left, _)| *left == mark) {
            records.marks.remove(key);
        }
        Ok(())
    }

    async fn check(&self, _shard: Shard) -> Result<(), StoreError> {
        Ok(())
    }

    async fn time(&self, _shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        Ok(Some(self.clock.timestamp()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Records {
    by_key: HashMap<SessionKey, Kept>,
    /// What is left of sessions that have moved, and until when.
    marks: HashMap<SessionKey, (Mark, Instant)>,
    /// The next size at which to look for records out of date.
    sweep_at: usize,
}

struct Kept {
    record: Record,
    /// `None` if it has lost its limit.
    until: Option<Instant>,
}

impl Kept {
    fn is_live(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl Records {
    fn live(&mut self, key: &SessionKey, now: Instant) -> Option<&mut Kept> {
        self.by_key.get_mut(key).filter(|kept| kept.is_live(now))
    }

    /// Drops what is out of date whenever the store has doubled since the last time: a constant effort for each
    /// record that comes in.
    fn sweep_now_and_then(&mut self, now: Instant) {
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, kept| kept.is_live(now));
            self.marks.retain(|_, (_, until)| *until > now);
            self.sweep_at = (self.by_key.len() * 2).max(MIN_SWEEP);
        }
    }
}

/// The instant `ttl` from now, or one that nobody will live to see where the clock does not reach so far.
fn later(now: Instant, ttl: Duration) -> Instant {
    now.checked_add(ttl).unwrap_or_else(|| now + Duration::from_secs(u64::from(u32::MAX)))
}

const MIN_SWEEP: usize = 1_024;
