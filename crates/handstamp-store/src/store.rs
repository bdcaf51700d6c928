use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;

use crate::{Shard, Shards, StoreError};

/// Keeps sealed session records. An implementation fulfils the following, and proves it with the suite in
/// `conformance`.
///
/// - **Every step is atomic**: compare, write, set the time to live and publish happen together or not at all.
/// - **Only [`create`](Self::create) creates.** No other call brings a record into being, in whatever state it
///   finds the store.
/// - **A delete is final.** Once [`delete`](Self::delete) has returned, no call that began before or after makes
///   the record loadable again. The tombstone that it leaves, as [`replace_with_tombstone`](Self::replace_with_tombstone) does, tells a session that has ended or
///   moved from one that never existed.
/// - **A record ends with its time to live**, which every write sets anew. A store may lose records; it never
///   returns one past its time.
/// - **Invalidations are published by the step itself**, on the bus that belongs to the store, and only after the
///   change they tell of can be seen by every [`load`](Self::load).
/// - **Steps can be repeated.** A caller that got no reply calls again with the same arguments. A create, a save,
///   a retirement or a delete that was done the first time reports the same success.
/// - **Or the store itself tells of changes** to those who have loaded the session: then it publishes no invalidations.
/// - **Invalidations come out of the shard that the session lies in**: a fence on the subscription to that covers them.
/// - **An error is not an outcome.** What cannot be found out is an error, never "gone".
///
/// Keys are hashes of authentic ids; whether such a session exists is for the store to say. Of an [`Entry`], a store reads its
/// revision and whether it is a tombstone, which holds for entries of later versions, too. All else in it is secret: it
/// goes into no log, no error, no name.
///
/// # Cancel safety
///
/// A call whose future is dropped has happened or has not; it never happens in part. `load` and `check` change
/// nothing.
pub trait Store: Send + Sync + 'static {
    /// The record of `key`, or a tombstone, and how long it has to live.
    fn load(&self, key: &SessionKey) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// The record of `key` from where it can be had without asking the one who takes writes. It has to be as it was a
    /// second ago or later; when in doubt, and when there is none, that is `None`, and [`load`](Self::load) is asked.
    fn load_from_replica(&self, _key: &SessionKey) -> impl Future<Output = Option<Stored>> + Send {
        std::future::ready(None)
    }

    /// Whether it is worth while to ask [`load_from_replica`](Self::load_from_replica).
    fn reads_from_replicas(&self) -> bool {
        false
    }

    /// Keeps `record` for `ttl` if there is nothing under its key.
    fn create(
        &self,
        record: &Entry,
        ttl: Duration,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send;

    /// Puts `record` in the place of the one with revision `replacing`, keeps it for `ttl`, publishes `invalidation`.
    fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<SaveOutcome, StoreError>> + Send;

    /// Gives the record of `key` the time to live `ttl`. Nothing is published.
    fn touch(
        &self,
        key: &SessionKey,
        ttl: Duration,
    ) -> impl Future<Output = Result<TouchOutcome, StoreError>> + Send;

    /// Puts `tombstone` in the place of the record under its key, whatever that is, keeps it for `ttl`, and publishes `invalidation`. Where
    /// a tombstone is, it stays, and where nothing is, nothing is left. A record that names a predecessor stays, and is returned, if it
    /// is to be spared.
    fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        spare: DeleteScope,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<DeleteOutcome, StoreError>> + Send;

    /// Puts `tombstone` in the place of the record with revision `replacing`, because its session has moved to another id, keeps
    /// it for `ttl`, and publishes `invalidation`.
    fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> impl Future<Output = Result<TombstoneOutcome, StoreError>> + Send;

    /// Gives `tombstone` the time to live `ttl`, if it is still there.
    fn keep_tombstone(
        &self,
        tombstone: &Entry,
        ttl: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The bytes that [`load`](Self::load) has returned for `key` are not authentic: the reply may have been that to another call.
    fn report_forged(&self, _key: &SessionKey) {}

    /// The parts that this consists of. Unless this is given, it is one.
    fn shards(&self) -> Shards {
        Shards::only()
    }

    /// The shard that `key` lies in, as far as is known: one of [`shards`](Self::shards), or one that is none of them
    /// while nobody knows. Asks nobody.
    fn shard_of(&self, _key: &SessionKey) -> Shard {
        Shard::ONLY
    }

    /// The name of the server behind a shard, for the log; `None` where there is none, or nobody knows it.
    fn server_of(&self, _shard: Shard) -> Option<String> {
        None
    }

    /// Whether the shard can be reached, and is the one to write to. Called about once a second, so it has to be cheap.
    fn ping_primary(&self, shard: Shard) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether writes work: does to an entry of its own, in this shard, what the steps do to records, and leaves nothing
    /// behind. Called when a node begins to listen, when a write has failed, and now and then where none has succeeded
    /// lately.
    ///
    /// # Errors
    ///
    /// When a write would be rejected, with the reason; that is [`StoreError::Rejected`]. [`StoreError::TimedOut`] when one would
    /// have no reply: twice in a row, the shard counts as one that takes no writes.
    fn check_writes(&self, _shard: Shard) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The time by the clock that all nodes share, which is that of the shard; `None` if it has none of its own, and nodes go
    /// by theirs. Called about once a minute. Until it is known, nodes create and change no session.
    ///
    /// # Errors
    ///
    /// When the shard has a clock, and does not tell its time.
    fn time(&self, _shard: Shard) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Lets go of connections. No call follows.
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A record as it was found. It has not been verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// The record.
    pub entry: Entry,
    /// How long it has to live; `None` if it has lost its limit, be it that somebody took it away.
    pub remaining: Option<Duration>,
}

/// What became of a [`create`](Store::create).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum CreateOutcome {
    /// The record is kept.
    Created,
    /// There is another record under this key, which is as it was.
    Exists,
}

/// What became of a [`save`](Store::save).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum SaveOutcome {
    /// The record is kept.
    Saved,
    /// The record there has another revision, and is as it was.
    Conflict,
    /// The session has moved to another id.
    Moved,
    /// There is no record.
    Gone,
}

/// Which records a [`delete`](Store::delete) leaves alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeleteScope {
    /// None.
    Nothing,
    /// Those that name a predecessor, which may have to be deleted first.
    Successors,
}

/// What became of a [`delete`](Store::delete).
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum DeleteOutcome {
    /// There was a record, or an earlier call with this tombstone has deleted it.
    Deleted,
    /// This record names a predecessor, and is as it was. It has not been verified.
    Spared(Entry),
    /// The session has moved to another id, which this tombstone names. It has not been verified.
    Moved(Entry),
    /// The session has ended before.
    Gone,
    /// There is neither a record nor a tombstone.
    Absent,
}

/// What became of a [`replace_with_tombstone`](Store::replace_with_tombstone).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum TombstoneOutcome {
    /// The tombstone is in its place.
    Replaced,
    /// The record there has another revision, and is as it was.
    Conflict,
    /// The session has moved to another id than the tombstone names.
    Moved,
    /// There was no record.
    Gone,
}

/// What became of a [`touch`](Store::touch).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum TouchOutcome {
    /// The record has its new time to live.
    Touched,
    /// The session has moved to another id.
    Moved,
    /// There is no record.
    Gone,
}
