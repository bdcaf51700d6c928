use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use handstamp_store::{
    Bus, Bytes, CreateOutcome, DeleteOutcome, DeleteScope, Entry, MemoryBus, Records, Revision, SaveOutcome,
    SessionKey, Shard, Store, StoreError, Stored, TombstoneOutcome, Topology, TouchOutcome,
};

struct TinyStore {
    entries: Mutex<HashMap<SessionKey, (Entry, Instant)>>,
    bus: MemoryBus,
}

/// The entry under a key.
enum Found {
    Nothing,
    Record(Entry),
    /// The tombstone of a session that has moved.
    Moved(Entry),
    /// The tombstone of a session that has ended.
    Ended(Entry),
}

impl TinyStore {
    /// Decides under the lock: returns an outcome, and what to write.
    fn step<T>(&self, key: &SessionKey, decide: impl FnOnce(Found) -> (T, Option<(Entry, Duration)>)) -> T {
        let mut entries = self.entries.lock().unwrap();
        let unexpired = entries.get(key).filter(|(_, deadline)| *deadline > Instant::now());
        let found = match unexpired.map(|(entry, _)| entry.clone()) {
            None => Found::Nothing,
            Some(entry) if !entry.is_tombstone() => Found::Record(entry),
            Some(entry) if entry.has_relative() => Found::Moved(entry),
            Some(entry) => Found::Ended(entry),
        };
        let (outcome, write) = decide(found);
        if let Some((entry, ttl)) = write {
            entries.insert(*key, (entry, Instant::now() + ttl));
        }
        outcome
    }

    /// Publishes the invalidation of a step that has changed something.
    ///
    /// This bus never fails. With one that can, the write and the publication must be one atomic step: if only the publication failed, the
    /// repeated call would find the change done, and publish nothing.
    async fn published<T>(&self, (outcome, changed): (T, bool), invalidation: Bytes) -> Result<T, StoreError> {
        if changed {
            self.bus.publish(Shard::ONLY, invalidation).await.map_err(StoreError::unavailable)?;
        }
        Ok(outcome)
    }
}

impl Records for TinyStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let entries = self.entries.lock().unwrap();
        Ok(entries.get(key).and_then(|(entry, deadline)| {
            let left = deadline.checked_duration_since(Instant::now())?;
            Some(Stored::new(entry.clone(), Some(left)))
        }))
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        Ok(self.step(record.key(), |found| match found {
            Found::Nothing => (CreateOutcome::Created, Some((record.clone(), ttl))),
            // Rule 6: the create is repeated.
            Found::Record(there) if there.revision() == record.revision() => (CreateOutcome::Created, None),
            _ => (CreateOutcome::Exists, None),
        }))
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        let step = self.step(record.key(), |found| match found {
            Found::Record(there) if there.revision() == replacing => {
                ((SaveOutcome::Saved, true), Some((record.clone(), ttl)))
            }
            Found::Record(there) if there.revision() == record.revision() => ((SaveOutcome::Saved, false), None),
            Found::Record(_) => ((SaveOutcome::Conflict, false), None),
            Found::Moved(_) => ((SaveOutcome::Moved, false), None),
            Found::Ended(_) | Found::Nothing => ((SaveOutcome::Gone, false), None),
        });
        self.published(step, invalidation).await
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        Ok(self.step(key, |found| match found {
            Found::Record(there) => (TouchOutcome::Touched, Some((there, ttl))),
            Found::Moved(_) => (TouchOutcome::Moved, None),
            Found::Ended(_) | Found::Nothing => (TouchOutcome::Gone, None),
        }))
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        let step = self.step(tombstone.key(), |found| match found {
            Found::Nothing => ((DeleteOutcome::Absent, false), None),
            Found::Moved(there) | Found::Ended(there) if there == *tombstone => {
                ((DeleteOutcome::Deleted, false), None)
            }
            Found::Moved(there) => ((DeleteOutcome::Moved(there), false), None),
            Found::Ended(_) => ((DeleteOutcome::Gone, false), None),
            Found::Record(there) if scope == DeleteScope::WithoutPredecessor && there.has_relative() => {
                ((DeleteOutcome::OutOfScope(there), false), None)
            }
            Found::Record(_) => ((DeleteOutcome::Deleted, true), Some((tombstone.clone(), ttl))),
        });
        self.published(step, invalidation).await
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        let step = self.step(tombstone.key(), |found| match found {
            Found::Record(there) if there.revision() == replacing => {
                ((TombstoneOutcome::Replaced, true), Some((tombstone.clone(), ttl)))
            }
            Found::Record(_) => ((TombstoneOutcome::Conflict, false), None),
            Found::Moved(there) if there == *tombstone => ((TombstoneOutcome::Replaced, false), None),
            Found::Moved(_) => ((TombstoneOutcome::Moved, false), None),
            Found::Ended(_) | Found::Nothing => ((TombstoneOutcome::Gone, false), None),
        });
        self.published(step, invalidation).await
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        self.step(tombstone.key(), |found| match found {
            Found::Moved(there) | Found::Ended(there) if there == *tombstone => ((), Some((there, ttl))),
            _ => ((), None),
        });
        Ok(())
    }
}

impl Topology for TinyStore {
    async fn ping_primary(&self, _shard: Shard) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Store for TinyStore {}
