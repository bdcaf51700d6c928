use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    Bytes, CreateOutcome, DeleteOutcome, DeleteScope, Records, SaveOutcome, ScanCursor, ScanPage, Shard,
    Shards, Store, StoreError, StoreWrapper, Stored, TombstoneOutcome, Topology, TouchOutcome,
};
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;

/// A boxed future. The call of a store is a network round trip; its box costs little in comparison.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store whose type is chosen at run time. Clones are the same store.
///
/// [`ClusteredStore::start`](crate::ClusteredStore::start) boxes its store itself: a store of a known type is passed there as it is.
///
/// ```
/// use handstamp_store::{BoxStore, MemoryBus, MemoryStore, Topology};
///
/// let store = BoxStore::new(MemoryStore::new(MemoryBus::new()));
/// assert_eq!(store.shards().current().len(), 1);
/// ```
#[derive(Clone)]
pub struct BoxStore(Arc<dyn DynStore>);

impl BoxStore {
    /// Boxes a store.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self(Arc::new(store))
    }
}

impl StoreWrapper for BoxStore {
    fn inner(&self) -> &dyn DynStore {
        &*self.0
    }
}

impl fmt::Debug for BoxStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxStore").finish_non_exhaustive()
    }
}

/// The object-safe form of [`Store`], which every store has and nothing else can have. For its methods, see [`Records`], [`Topology`] and
/// [`Store`].
#[expect(missing_docs, reason = "the documentation is that of the methods of the same names")]
pub trait DynStore: sealed::SealedStore + Send + Sync + 'static {
    fn load<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    fn load_from_replica<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Option<Stored>>;

    fn reads_from_replicas(&self) -> bool;

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
        scope: DeleteScope,
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

    fn scan<'a>(
        &'a self,
        shard: Shard,
        cursor: &'a ScanCursor,
    ) -> BoxFuture<'a, Result<ScanPage, StoreError>>;
}

impl<S: Store> DynStore for S {
    fn load<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(Records::load(self, key))
    }

    fn load_from_replica<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Option<Stored>> {
        Box::pin(Records::load_from_replica(self, key))
    }

    fn reads_from_replicas(&self) -> bool {
        Records::reads_from_replicas(self)
    }

    fn create<'a>(
        &'a self,
        record: &'a Entry,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<CreateOutcome, StoreError>> {
        Box::pin(Records::create(self, record, ttl))
    }

    fn save<'a>(
        &'a self,
        record: &'a Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<SaveOutcome, StoreError>> {
        Box::pin(Records::save(self, record, replacing, ttl, invalidation))
    }

    fn touch<'a>(
        &'a self,
        key: &'a SessionKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<TouchOutcome, StoreError>> {
        Box::pin(Records::touch(self, key, ttl))
    }

    fn delete<'a>(
        &'a self,
        tombstone: &'a Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<DeleteOutcome, StoreError>> {
        Box::pin(Records::delete(self, tombstone, ttl, scope, invalidation))
    }

    fn replace_with_tombstone<'a>(
        &'a self,
        tombstone: &'a Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> BoxFuture<'a, Result<TombstoneOutcome, StoreError>> {
        Box::pin(Records::replace_with_tombstone(self, tombstone, replacing, ttl, invalidation))
    }

    fn keep_tombstone<'a>(
        &'a self,
        tombstone: &'a Entry,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(Records::keep_tombstone(self, tombstone, ttl))
    }

    fn report_forged(&self, key: &SessionKey) {
        Records::report_forged(self, key);
    }

    fn shards(&self) -> Shards {
        Topology::shards(self)
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        Topology::shard_of(self, key)
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        Topology::server_of(self, shard)
    }

    fn ping_primary(&self, shard: Shard) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(Topology::ping_primary(self, shard))
    }

    fn check_writes(&self, shard: Shard) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(Topology::check_writes(self, shard))
    }

    fn time(&self, shard: Shard) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(Topology::time(self, shard))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Topology::close(self))
    }

    fn scan<'a>(
        &'a self,
        shard: Shard,
        cursor: &'a ScanCursor,
    ) -> BoxFuture<'a, Result<ScanPage, StoreError>> {
        Box::pin(Store::scan(self, shard, cursor))
    }
}

mod sealed {
    /// Allows methods to be added to [`DynStore`](super::DynStore).
    pub trait SealedStore {}

    impl<S: super::Store> SealedStore for S {}
}
