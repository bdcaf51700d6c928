use std::time::Duration;

use crate::{
    Bytes, CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, StoreError, TombstoneOutcome, TouchOutcome,
};
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};

/// Loads and changes sealed records, by the rules of [`Store`](crate::Store).
///
/// `ttl` is the time to live of what is written, in any resolution down to a millisecond; a store may round it up.
pub trait Records: Send + Sync + 'static {
    /// The record or the tombstone of `key`, with its time to live.
    fn load(&self, key: &SessionKey) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Reads `key` from a replica that is at most one second behind the primary.
    ///
    /// Returns `None` if there is no such replica or it has no record, and whenever the store is not sure; the caller then calls
    /// [`load`](Self::load).
    fn load_from_replica(&self, _key: &SessionKey) -> impl Future<Output = Option<Stored>> + Send {
        std::future::ready(None)
    }

    /// Whether [`load_from_replica`](Self::load_from_replica) can return anything. It must not change while a node runs.
    fn reads_from_replicas(&self) -> bool {
        false
    }

    /// Adds `record` if its key has neither a record nor a tombstone.
    fn create(
        &self,
        record: &Entry,
        ttl: Duration,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send;

    /// Replaces the record that has the revision `replacing` with `record`, and publishes `invalidation`.
    fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<SaveOutcome, StoreError>> + Send;

    /// Sets the time to live of the record of `key`. Nothing is published.
    fn touch(
        &self,
        key: &SessionKey,
        ttl: Duration,
    ) -> impl Future<Output = Result<TouchOutcome, StoreError>> + Send;

    /// Replaces the record of the tombstone's key with `tombstone`, whatever its revision, and publishes `invalidation`.
    ///
    /// A tombstone that is already there stays, with its time to live. Where nothing is, nothing is written. Records outside of
    /// `scope` stay, and are returned.
    fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<DeleteOutcome, StoreError>> + Send;

    /// Replaces the record that has the revision `replacing` with `tombstone`, because the session has moved to another id, and publishes
    /// `invalidation`.
    fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<TombstoneOutcome, StoreError>> + Send;

    /// Sets the time to live of exactly this tombstone, if it is still there. Nothing is published.
    fn keep_tombstone(
        &self,
        tombstone: &Entry,
        ttl: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reports that the bytes that [`load`](Self::load) returned for `key` are not authentic. A store whose replies can be mixed up
    /// should check its connection.
    fn report_forged(&self, _key: &SessionKey) {}
}

/// An entry as the store has it. Nothing about it has been verified.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stored {
    /// The record or tombstone.
    pub entry: Entry,
    /// Its time to live; `None` if it has none, because something else than this library removed the limit.
    pub remaining: Option<Duration>,
}

impl Stored {
    /// An entry that expires after `remaining`, or never.
    #[must_use]
    pub const fn new(entry: Entry, remaining: Option<Duration>) -> Self {
        Self { entry, remaining }
    }
}
