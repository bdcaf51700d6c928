use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::bus::MemoryBus;
use super::entries::{Entries, Kept};
use crate::{
    Bytes, Clock, CreateOutcome, DeleteOutcome, DeleteScope, Records, SaveOutcome, ScanCursor, ScanPage,
    Shard, Store, StoreError, Stored, SystemClock, TombstoneOutcome, Topology, TouchOutcome,
};
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;

/// Keeps records in this process only. Clones are the same store.
#[derive(Clone)]
pub struct MemoryStore {
    entries: Arc<Mutex<Entries>>,
    bus: MemoryBus,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store that publishes its invalidations on `bus`.
    #[must_use]
    pub fn new(bus: MemoryBus) -> Self {
        Self::with_clock(bus, Arc::new(SystemClock))
    }

    /// An empty store that uses `clock`.
    #[must_use]
    pub fn with_clock(bus: MemoryBus, clock: Arc<dyn Clock>) -> Self {
        Self { entries: Arc::default(), bus, clock }
    }

    /// The number of unexpired records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.lock().count_records(self.clock.now())
    }

    /// Whether there is no unexpired record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes the time to live of the record of `key`, as a person at a Redis prompt could do.
    pub fn make_permanent(&self, key: &SessionKey) {
        self.entries.lock().make_permanent(key);
    }

    /// Removes the record of `key` without an invalidation, as a person at a Redis prompt could do.
    pub fn forget(&self, key: &SessionKey) {
        self.entries.lock().remove(key);
    }
}

impl Records for MemoryStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let now = self.clock.now();
        Ok(self.entries.lock().get(key, now).map(|kept| kept.stored(now)))
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        let now = self.clock.now();
        let mut entries = self.entries.lock();
        match entries.get(record.key(), now) {
            Some(kept) if kept.entry.revision() == record.revision() => Ok(CreateOutcome::Created),
            Some(_) => Ok(CreateOutcome::Exists),
            None => {
                entries.insert(record, now, ttl);
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
        match self.entries.lock().get(record.key(), now) {
            None => Ok(SaveOutcome::Gone),
            Some(kept) if kept.has_moved() => Ok(SaveOutcome::Moved),
            Some(kept) if kept.entry.is_tombstone() => Ok(SaveOutcome::Gone),
            Some(kept) if kept.entry.revision() == record.revision() => Ok(SaveOutcome::Saved),
            Some(kept) if kept.entry.revision() != replacing => Ok(SaveOutcome::Conflict),
            Some(kept) => {
                *kept = Kept::new(record, now, ttl);
                self.bus.send(invalidation);
                Ok(SaveOutcome::Saved)
            }
        }
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let now = self.clock.now();
        match self.entries.lock().get(key, now) {
            Some(kept) if kept.has_moved() => Ok(TouchOutcome::Moved),
            Some(kept) if !kept.entry.is_tombstone() => {
                kept.expire_after(ttl, now);
                Ok(TouchOutcome::Touched)
            }
            Some(_) | None => Ok(TouchOutcome::Gone),
        }
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        let now = self.clock.now();
        match self.entries.lock().get(tombstone.key(), now) {
            None => Ok(DeleteOutcome::Absent),
            Some(kept) if kept.entry == *tombstone => Ok(DeleteOutcome::Deleted),
            Some(kept) if kept.has_moved() => Ok(DeleteOutcome::Moved(kept.entry.clone())),
            Some(kept) if kept.entry.is_tombstone() => Ok(DeleteOutcome::Gone),
            Some(kept) if scope == DeleteScope::WithoutPredecessor && kept.entry.has_relative() => {
                Ok(DeleteOutcome::OutOfScope(kept.entry.clone()))
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
        match self.entries.lock().get(tombstone.key(), now) {
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
        if let Some(kept) = self.entries.lock().get(tombstone.key(), now)
            && kept.entry == *tombstone
        {
            kept.expire_after(ttl, now);
        }
        Ok(())
    }
}

impl Topology for MemoryStore {
    async fn ping_primary(&self, _shard: Shard) -> Result<(), StoreError> {
        Ok(())
    }

    async fn time(&self, _shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        Ok(Some(self.clock.timestamp()))
    }
}

impl Store for MemoryStore {
    /// The cursor is the last key that was examined for the page before.
    async fn scan(&self, _shard: Shard, cursor: &ScanCursor) -> Result<ScanPage, StoreError> {
        let after = match <[u8; SessionKey::LEN]>::try_from(&cursor.as_bytes()[..]) {
            Ok(last) => Bound::Excluded(SessionKey::from_bytes(last)),
            Err(_) => Bound::Unbounded,
        };
        let (page, last) = self.entries.lock().page(after, PAGE_LEN, self.clock.now());
        let next = last.map(|key| ScanCursor::new(Bytes::copy_from_slice(key.as_bytes())));
        Ok(ScanPage::new(page, next))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

const PAGE_LEN: usize = 256;
