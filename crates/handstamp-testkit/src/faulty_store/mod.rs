mod faults;
mod held_call;

use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    Bytes, CreateOutcome, DeleteOutcome, DeleteScope, DynStore, SaveOutcome, ScanCursor, ScanPage, Shard,
    Store, StoreError, StoreWrapper, Stored, TombstoneOutcome, TouchOutcome,
};

pub use self::faults::{Fault, Faults};
pub use self::held_call::HeldCall;
use crate::Replica;

/// A store that fails on command.
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Faults,
    replica: Option<Replica>,
}

impl<S> FaultyStore<S> {
    /// A store around `inner`, and what controls its faults.
    #[must_use]
    pub fn new(inner: S) -> (Self, Faults) {
        let faults = Faults::none();
        (Self { inner, faults: faults.clone(), replica: None }, faults)
    }

    /// Adds a replica, from which nodes read.
    #[must_use]
    pub fn with_replica(mut self, replica: Replica) -> Self {
        self.replica = Some(replica);
        self
    }
}

impl<S: Store> StoreWrapper for FaultyStore<S> {
    fn inner(&self) -> &dyn DynStore {
        &self.inner
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        self.faults.before_call().await?;
        let stored = self.inner().load(key).await;
        self.faults.held_load().until_released().await;
        stored
    }

    async fn load_from_replica(&self, key: &SessionKey) -> Option<Stored> {
        match &self.replica {
            Some(replica) => replica.load(key),
            None => self.inner().load_from_replica(key).await,
        }
    }

    fn reads_from_replicas(&self) -> bool {
        self.replica.is_some() || self.inner().reads_from_replicas()
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        self.faults.before_write().await?;
        self.faults.note_created(record.key());
        self.faults.reply(self.inner().create(record, ttl).await)
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        self.faults.before_write().await?;
        if self.faults.always_conflicts() {
            return Ok(SaveOutcome::Conflict);
        }
        self.faults.reply(self.inner().save(record, replacing, ttl, invalidation).await)
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        self.faults.before_write().await?;
        self.inner().touch(key, ttl).await
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        self.faults.before_write().await?;
        self.faults.before_delete_of(tombstone.key())?;
        let deleted = self.inner().delete(tombstone, ttl, scope, invalidation).await;
        self.faults.held_delete().until_released().await;
        self.faults.reply(deleted)
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        self.faults.before_write().await?;
        let call =
            async || self.inner().replace_with_tombstone(tombstone, replacing, ttl, invalidation).await;
        match self.faults.next_tombstone_fault() {
            None => self.faults.reply(call().await),
            Some(fault) => fault.apply(call).await,
        }
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        self.faults.before_check().await?;
        self.inner().keep_tombstone(tombstone, ttl).await
    }

    async fn scan(&self, shard: Shard, cursor: &ScanCursor) -> Result<ScanPage, StoreError> {
        self.faults.before_call().await?;
        self.inner().scan(shard, cursor).await
    }

    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        self.faults.before_check().await?;
        self.inner().ping_primary(shard).await
    }

    async fn check_writes(&self, shard: Shard) -> Result<(), StoreError> {
        self.faults.before_check_of_writes().await?;
        self.inner().check_writes(shard).await
    }

    async fn time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        self.faults.before_time().await?;
        self.inner().time(shard).await
    }
}
