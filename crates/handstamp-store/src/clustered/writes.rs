//! Sessions are created, saved and touched.

use std::any::Any;
use std::time::Duration;

use handstamp_core::cache::CachedSession;
use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::record::{Record, Revision};

use super::stored_reply::CacheEntry;
use super::write_scope::WriteScope;
use crate::{CreateOutcome, SaveOutcome, StoreError, TouchOutcome};

impl WriteScope<'_> {
    /// Creates a session under a new key.
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or rejects it.
    pub async fn create<V: Any + CachedSession + Send + Sync>(
        self,
        record: &Record,
        ttl: Duration,
        entry: CacheEntry<V>,
    ) -> Result<CreateOutcome, StoreError> {
        let node = self.node;
        let sealed = node.sealer.seal(record)?;
        let shard = node.shard_of(&record.key);
        let freshness = node.cache.sessions.freshness(shard.shard);
        let ticket = node.cache.sessions.entries.begin_fill(&record.key, &freshness);
        let expiry = node.expiry(&record.key, node.clock.now(), ttl);
        let create = || node.store.create(&sealed, ttl);
        let outcome = self.write(&shard, create, |outcome| *outcome == CreateOutcome::Created).await?;
        if outcome == CreateOutcome::Created && node.is_in(&record.key, &shard) {
            let _ = ticket.complete(entry.value, entry.size, expiry);
        }
        Ok(outcome)
    }

    /// Replaces the record that has the revision `replacing`. Repeated with the same record, it returns whether the first call was carried
    /// out.
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or rejects it.
    pub async fn save<V: Any + CachedSession + Send + Sync>(
        self,
        record: &Record,
        replacing: Revision,
        ttl: Duration,
        entry: CacheEntry<V>,
    ) -> Result<SaveOutcome, StoreError> {
        let node = self.node;
        let sealed = node.sealer.seal(record)?;
        let shard = node.shard_of(&record.key);
        let freshness = node.cache.sessions.freshness(shard.shard);
        let ticket = node.cache.sessions.entries.begin_fill(&record.key, &freshness);
        // After the ticket: a delete that begins from here on spoils it.
        if let Some(gone) = node.known_gone(&record.key) {
            return Ok(gone.into());
        }
        let now = node.clock.now();
        let expiry = node.expiry(&record.key, now, ttl);
        let invalidation = node.encode(&Invalidation::SessionInvalidated(record.key, record.revision), now);
        let save = || node.store.save(&sealed, replacing, ttl, invalidation.clone());
        let outcome = self.write(&shard, save, is_saved).await;
        match &outcome {
            Ok(SaveOutcome::Saved) => {
                node.invalidate(&record.key, Some(record.revision));
                if node.is_in(&record.key, &shard) {
                    let _ = ticket.complete(entry.value, entry.size, expiry);
                }
            }
            Ok(SaveOutcome::Conflict | SaveOutcome::Moved | SaveOutcome::Gone) => {
                node.invalidate(&record.key, None);
            }
            Err(_) => node.mark_stale(&record.key),
        }
        outcome
    }

    /// Sets the time to live of a session.
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or rejects it.
    pub async fn touch(self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let node = self.node;
        if let Some(gone) = node.known_gone(key) {
            return Ok(gone.into());
        }
        let outcome = self.write(&node.shard_of(key), || node.store.touch(key, ttl), |_| true).await?;
        if outcome != TouchOutcome::Touched {
            node.invalidate(key, None);
        }
        Ok(outcome)
    }
}

/// Whether the outcome of a repeated save proves that the first call was carried out. Any other outcome may be due to a later change
/// by another request.
pub(super) fn is_saved(outcome: &SaveOutcome) -> bool {
    *outcome == SaveOutcome::Saved
}
