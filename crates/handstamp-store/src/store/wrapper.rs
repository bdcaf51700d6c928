use std::time::Duration;

use crate::{
    Bytes, CreateOutcome, DeleteOutcome, DeleteScope, DynStore, Records, SaveOutcome, ScanCursor, ScanPage,
    Shard, Shards, Store, StoreError, Stored, TombstoneOutcome, Topology, TouchOutcome,
};
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;

/// A store around another one, or around several. Each method forwards to the inner store unless the wrapper overrides it.
///
/// A wrapper around several stores must override [`inner_for_key`](Self::inner_for_key), [`inner_for_shard`](Self::inner_for_shard),
/// [`shards`](Self::shards), [`shard_of`](Self::shard_of) and [`close`](Self::close), as well as
/// [`reads_from_replicas`](Self::reads_from_replicas) unless all of them return the same.
///
/// ```
/// use handstamp_store::{DynStore, MemoryBus, MemoryStore, SessionKey, Store, StoreError, StoreWrapper, Stored};
///
/// /// Logs every load.
/// struct Logged<S>(S);
///
/// impl<S: Store> StoreWrapper for Logged<S> {
///     fn inner(&self) -> &dyn DynStore {
///         &self.0
///     }
///
///     async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
///         println!("a load");
///         self.inner().load(key).await
///     }
/// }
///
/// fn is_a_store(_: impl Store) {}
/// is_a_store(Logged(MemoryStore::new(MemoryBus::new())));
/// ```
#[expect(missing_docs, reason = "the documentation is that of the methods of the same names")]
pub trait StoreWrapper: Send + Sync + 'static {
    /// The inner store. Of several, it is one that replies for all of them where neither a key nor a shard selects one.
    fn inner(&self) -> &dyn DynStore;

    /// The inner store that has `key`.
    fn inner_for_key(&self, _key: &SessionKey) -> &dyn DynStore {
        self.inner()
    }

    /// The inner store that has `shard`, and the number that the shard has there.
    fn inner_for_shard(&self, shard: Shard) -> (&dyn DynStore, Shard) {
        (self.inner(), shard)
    }

    fn load(&self, key: &SessionKey) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send {
        async move { self.inner_for_key(key).load(key).await }
    }

    fn load_from_replica(&self, key: &SessionKey) -> impl Future<Output = Option<Stored>> + Send {
        async move { self.inner_for_key(key).load_from_replica(key).await }
    }

    fn reads_from_replicas(&self) -> bool {
        self.inner().reads_from_replicas()
    }

    fn create(
        &self,
        record: &Entry,
        ttl: Duration,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send {
        async move { self.inner_for_key(record.key()).create(record, ttl).await }
    }

    fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<SaveOutcome, StoreError>> + Send {
        async move { self.inner_for_key(record.key()).save(record, replacing, ttl, invalidation).await }
    }

    fn touch(
        &self,
        key: &SessionKey,
        ttl: Duration,
    ) -> impl Future<Output = Result<TouchOutcome, StoreError>> + Send {
        async move { self.inner_for_key(key).touch(key, ttl).await }
    }

    fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<DeleteOutcome, StoreError>> + Send {
        async move { self.inner_for_key(tombstone.key()).delete(tombstone, ttl, scope, invalidation).await }
    }

    fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<TombstoneOutcome, StoreError>> + Send {
        async move {
            self.inner_for_key(tombstone.key())
                .replace_with_tombstone(tombstone, replacing, ttl, invalidation)
                .await
        }
    }

    fn keep_tombstone(
        &self,
        tombstone: &Entry,
        ttl: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.inner_for_key(tombstone.key()).keep_tombstone(tombstone, ttl).await }
    }

    fn report_forged(&self, key: &SessionKey) {
        self.inner_for_key(key).report_forged(key);
    }

    fn shards(&self) -> Shards {
        self.inner().shards()
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        self.inner_for_key(key).shard_of(key)
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        let (inner, shard) = self.inner_for_shard(shard);
        inner.server_of(shard)
    }

    fn ping_primary(&self, shard: Shard) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            let (inner, shard) = self.inner_for_shard(shard);
            inner.ping_primary(shard).await
        }
    }

    fn check_writes(&self, shard: Shard) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            let (inner, shard) = self.inner_for_shard(shard);
            inner.check_writes(shard).await
        }
    }

    fn time(&self, shard: Shard) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send {
        async move {
            let (inner, shard) = self.inner_for_shard(shard);
            inner.time(shard).await
        }
    }

    fn close(&self) -> impl Future<Output = ()> + Send {
        async move { self.inner().close().await }
    }

    fn scan(
        &self,
        shard: Shard,
        cursor: &ScanCursor,
    ) -> impl Future<Output = Result<ScanPage, StoreError>> + Send {
        async move {
            let (inner, shard) = self.inner_for_shard(shard);
            inner.scan(shard, cursor).await
        }
    }
}

impl<W: StoreWrapper> Records for W {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        StoreWrapper::load(self, key).await
    }

    async fn load_from_replica(&self, key: &SessionKey) -> Option<Stored> {
        StoreWrapper::load_from_replica(self, key).await
    }

    fn reads_from_replicas(&self) -> bool {
        StoreWrapper::reads_from_replicas(self)
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        StoreWrapper::create(self, record, ttl).await
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        StoreWrapper::save(self, record, replacing, ttl, invalidation).await
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        StoreWrapper::touch(self, key, ttl).await
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        StoreWrapper::delete(self, tombstone, ttl, scope, invalidation).await
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        StoreWrapper::replace_with_tombstone(self, tombstone, replacing, ttl, invalidation).await
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        StoreWrapper::keep_tombstone(self, tombstone, ttl).await
    }

    fn report_forged(&self, key: &SessionKey) {
        StoreWrapper::report_forged(self, key);
    }
}

impl<W: StoreWrapper> Topology for W {
    fn shards(&self) -> Shards {
        StoreWrapper::shards(self)
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        StoreWrapper::shard_of(self, key)
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        StoreWrapper::server_of(self, shard)
    }

    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        StoreWrapper::ping_primary(self, shard).await
    }

    async fn check_writes(&self, shard: Shard) -> Result<(), StoreError> {
        StoreWrapper::check_writes(self, shard).await
    }

    async fn time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        StoreWrapper::time(self, shard).await
    }

    async fn close(&self) {
        StoreWrapper::close(self).await;
    }
}

impl<W: StoreWrapper> Store for W {
    async fn scan(&self, shard: Shard, cursor: &ScanCursor) -> Result<ScanPage, StoreError> {
        StoreWrapper::scan(self, shard, cursor).await
    }
}
