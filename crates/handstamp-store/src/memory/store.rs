use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;
use parking_lot::Mutex;

use super::MemoryBus;
use crate::{
    Clock, CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Shard, Store, StoreError, Stored,
    SystemClock, TombstoneOutcome, TouchOutcome,
};

/// Keeps records in this process, and nowhere else. Clones are the same store.
#[derive(Clone)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    bus: MemoryBus,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store that publishes its invalidations on `bus`.
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
        let records = self.records.lock();
        records.by_key.values().filter(|kept| kept.is_in_date(now) && !kept.entry.is_tombstone()).count()
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
            entry: kept.entry.clone(),
            remaining: kept.until.map(|until| until.saturating_duration_since(now)),
        };
        Ok(records.get(key, now).map(stored))
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        match records.get(record.key(), now) {
            Some(kept) if kept.entry.revision() == record.revision() => Ok(CreateOutcome::Created),
            Some(_) => Ok(CreateOutcome::Exists),
            None => {
                records.sweep_now_and_then(now);
                records.by_key.insert(*record.key(), Kept::new(record, now, ttl));
                Ok(CreateOutcome::Created)
            }
        }
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        let Some(kept) = records.get(record.key(), now) else {
            return Ok(SaveOutcome::Gone);
        };
        if kept.entry.is_tombstone() {
            return Ok(if kept.has_moved() { SaveOutcome::Moved } else { SaveOutcome::Gone });
        }
        if kept.entry.revision() == record.revision() {
            return Ok(SaveOutcome::Saved);
        }
        if kept.entry.revision() != replacing {
            return Ok(SaveOutcome::Conflict);
        }
        *kept = Kept::new(record, now, ttl);
        self.bus.send(invalidation);
        Ok(SaveOutcome::Saved)
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let now = self.clock.now();
        match self.records.lock().get(key, now) {
            Some(kept) if kept.has_moved() => Ok(TouchOutcome::Moved),
            Some(kept) if !kept.entry.is_tombstone() => {
                kept.until = Some(later(now, ttl));
                Ok(TouchOutcome::Touched)
            }
            Some(_) | None => Ok(TouchOutcome::Gone),
        }
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        spare: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        match records.get(tombstone.key(), now) {
            None => Ok(DeleteOutcome::Absent),
            Some(kept) if kept.entry == *tombstone => Ok(DeleteOutcome::Deleted),
            Some(kept) if kept.has_moved() => Ok(DeleteOutcome::Moved(kept.entry.clone())),
            Some(kept) if kept.entry.is_tombstone() => Ok(DeleteOutcome::Gone),
            Some(kept) if spare == DeleteScope::Successors && kept.entry.has_relative() => {
                Ok(DeleteOutcome::Spared(kept.entry.clone()))
            }
            Some(kept) => {
                *kept = Kept::new(tombstone, now, ttl);
                self.bus.send(invalidation);
                Ok(DeleteOutcome::Deleted)
            }
        }
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        let now = self.clock.now();
        let mut records = self.records.lock();
        match records.get(tombstone.key(), now) {
            None => Ok(TombstoneOutcome::Gone),
            Some(kept) if kept.entry == *tombstone => Ok(TombstoneOutcome::Replaced),
            Some(kept) if kept.has_moved() => Ok(TombstoneOutcome::Moved),
            Some(kept) if kept.entry.is_tombstone() => Ok(TombstoneOutcome::Gone),
            Some(kept) if kept.entry.revision() != replacing => Ok(TombstoneOutcome::Conflict),
            Some(kept) => {
                *kept = Kept::new(tombstone, now, ttl);
                self.bus.send(invalidation);
                Ok(TombstoneOutcome::Replaced)
            }
        }
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(kept) = self.records.lock().get(tombstone.key(), now)
            && kept.entry == *tombstone
        {
            kept.until = Some(later(now, ttl));
        }
        Ok(())
    }

    async fn ping_primary(&self, _shard: Shard) -> Result<(), StoreError> {
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
    /// The next size at which to look for records out of date.
    sweep_at: usize,
}

struct Kept {
    entry: Entry,
    /// `None` if it has lost its limit.
    until: Option<Instant>,
}

impl Kept {
    fn new(entry: &Entry, now: Instant, ttl: Duration) -> Self {
        Self { entry: entry.clone(), until: Some(later(now, ttl)) }
    }

    fn has_moved(&self) -> bool {
        self.entry.is_tombstone() && self.entry.has_relative()
    }

    fn is_in_date(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl Records {
    /// The record or tombstone under `key`.
    fn get(&mut self, key: &SessionKey, now: Instant) -> Option<&mut Kept> {
        self.by_key.get_mut(key).filter(|kept| kept.is_in_date(now))
    }

    /// Drops what is out of date whenever the store has doubled since the last time: a constant effort for each
    /// record that comes in.
    fn sweep_now_and_then(&mut self, now: Instant) {
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, kept| kept.is_in_date(now));
            self.sweep_at = (self.by_key.len() * 2).max(MIN_SWEEP);
        }
    }
}

/// The instant `ttl` from now, or one that nobody will live to see where the clock does not reach so far.
fn later(now: Instant, ttl: Duration) -> Instant {
    now.checked_add(ttl).unwrap_or_else(|| now + Duration::from_secs(u64::from(u32::MAX)))
}

const MIN_SWEEP: usize = 1_024;
