//! The contracts as trait objects, so that nothing above carries the store's type around. A call to a store is a
//! network round trip; beside that its box costs nothing.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;

use crate::{
    Bus, BusError, CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Shard, Shards, Store, StoreError,
    Stored, TombstoneOutcome, TouchOutcome,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Store`], as a trait object.
pub(super) trait ErasedStore: Send + Sync {
    fn load<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    fn load_from_replica<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Option<Stored>>;

    fn create<'a>(
        &'a self,
        record: &'a Entry,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<CreateOutcome, StoreError>>;

    fn save<'a>(
        &'a self,
        record: &'a Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<SaveOutcome, StoreError>>;

    fn touch<'a>(
        &'a self,
        key: &'a SessionKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>>;

    fn delete<'a>(
        &'a self,
        tombstone: &'a Entry,
        ttl: Duration,
        spare: DeleteScope,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<DeleteOutcome, StoreError>>;

    fn replace_with_tombstone<'a>(
        &'a self,
        tombstone: &'a Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<TombstoneOutcome, StoreError>>;

    fn keep_tombstone<'a>(
        &'a self,
        tombstone: &'a Entry,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    fn report_forged(&self, key: &SessionKey);

    fn shards(&self) -> Shards;

    fn shard_of(&self, key: &SessionKey) -> Shard;

    fn server_of(&self, shard: Shard) -> Option<String>;

    fn ping_primary(&self, shard: Shard) -> BoxFuture<'_, Result<(), StoreError>>;

    fn check_writes(&self, shard: Shard) -> BoxFuture<'_, Result<(), StoreError>>;

    fn time(&self, shard: Shard) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    fn close(&self) -> BoxFuture<'_, ()>;
}

impl<S: Store> ErasedStore for S {
    fn load<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(Store::load(self, key))
    }

    fn load_from_replica<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Option<Stored>> {
        Box::pin(Store::load_from_replica(self, key))
    }

    fn create<'a>(
        &'a self,
        record: &'a Entry,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<CreateOutcome, StoreError>> {
        Box::pin(Store::create(self, record, ttl))
    }

    fn save<'a>(
        &'a self,
        record: &'a Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<SaveOutcome, StoreError>> {
        Box::pin(Store::save(self, record, replacing, ttl, invalidation))
    }

    fn touch<'a>(
        &'a self,
        key: &'a SessionKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>> {
        Box::pin(Store::touch(self, key, ttl))
    }

    fn delete<'a>(
        &'a self,
        tombstone: &'a Entry,
        ttl: Duration,
        spare: DeleteScope,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<DeleteOutcome, StoreError>> {
        Box::pin(Store::delete(self, tombstone, ttl, spare, invalidation))
    }

    fn replace_with_tombstone<'a>(
        &'a self,
        tombstone: &'a Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<TombstoneOutcome, StoreError>> {
        Box::pin(Store::replace_with_tombstone(self, tombstone, replacing, ttl, invalidation))
    }

    fn keep_tombstone<'a>(
        &'a self,
        tombstone: &'a Entry,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(Store::keep_tombstone(self, tombstone, ttl))
    }

    fn report_forged(&self, key: &SessionKey) {
        Store::report_forged(self, key);
    }

    fn shards(&self) -> Shards {
        Store::shards(self)
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        Store::shard_of(self, key)
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        Store::server_of(self, shard)
    }

    fn ping_primary(&self, shard: Shard) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(Store::ping_primary(self, shard))
    }

    fn check_writes(&self, shard: Shard) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(Store::check_writes(self, shard))
    }

    fn time(&self, shard: Shard) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(Store::time(self, shard))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Store::close(self))
    }
}

/// The sending half of a [`Bus`], as a trait object.
pub(super) trait Publisher: Send + Sync {
    fn publish(&self, shard: Shard, message: Bytes) -> BoxFuture<'_, Result<(), BusError>>;
}

impl<B: Bus> Publisher for B {
    fn publish(&self, shard: Shard, message: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(Bus::publish(self, shard, message))
    }
}
