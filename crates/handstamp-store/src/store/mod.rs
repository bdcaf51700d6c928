//! The contract of a store: see [`Store`].

mod boxed;
mod outcome;
mod records;
mod scan;
mod topology;
mod wrapper;

pub use self::boxed::{BoxFuture, BoxStore, DynStore};
pub use self::outcome::{
    CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, TombstoneOutcome, TouchOutcome,
};
pub use self::records::{Records, Stored};
pub use self::scan::{ScanCursor, ScanPage};
pub use self::topology::Topology;
pub use self::wrapper::StoreWrapper;

use crate::{Shard, StoreError};

/// A store of sessions: it keeps [`Records`], it has a [`Topology`], and it may have the optional capabilities of this trait.
///
/// Every optional capability is a method whose default returns [`StoreError::Unsupported`], so that capabilities can be added
/// without breaking a store.
///
/// # Rules
///
/// The suite in `conformance` (a feature of that name) tests these rules; every store has to pass it.
///
/// 1. **Every step is atomic.** Comparing, writing, setting the time to live and publishing the invalidation happen together or
///    not at all.
/// 2. **Only [`create`](Records::create) creates.** No other call makes a record, whatever state the store is in.
/// 3. **A delete is final.** Once [`delete`](Records::delete) has returned, no call that began before or after makes the record
///    loadable again. The tombstone that it leaves shows that the session has ended; the tombstone of
///    [`replace_with_tombstone`](Records::replace_with_tombstone) shows that the session has moved to another id.
/// 4. **A record expires with its time to live**, which every write sets again. An expired record is never returned.
/// 5. **Records may be lost, never revived.** After a crash or a failover, the store may have lost records and changes. The nodes
///    repeat their recent deletes then.
/// 6. **A step can be repeated.** A caller that received no reply repeats the call with the same arguments. If the first call was
///    carried out, the second one returns the same success.
/// 7. **An invalidation follows its change.** A step publishes the invalidation that it is given only after every
///    [`load`](Records::load) can see the change, on the [`Bus`](crate::Bus) that belongs to the store. A step that changes nothing
///    publishes nothing. A store that announces changes by itself ([`BusEvent::KeyChanged`](crate::BusEvent::KeyChanged)) does not
///    publish invalidations.
/// 8. **The shard of the record publishes.** A [fence](crate::Subscription::fence) on the subscription to a shard covers all
///    invalidations of the sessions in that shard.
/// 9. **An error is not an outcome.** If the store cannot find out, it returns an error. "Absent" and "gone" are facts.
/// 10. **[`StoreError::Rejected`] means that nothing was done.** After every other error of a write, the write may have been done.
///
/// # Untrusted input
///
/// Keys are hashes of authentic ids: clients cannot choose them. A client can, however, present ids of sessions that have ended
/// long ago, any number of times. Records are opaque and secret: a store reads the [key](crate::Entry::key), the
/// [revision](crate::Entry::revision), [whether it is a tombstone](crate::Entry::is_tombstone) and
/// [whether it names a relative](crate::Entry::has_relative), which later versions of the format keep. The rest must appear in no log, no error and no
/// name. A store is not trusted: the layer above verifies the seal of every record.
///
/// # Cancel safety
///
/// A call whose future is dropped is carried out in full or not at all. Calls that only read can be dropped without effect.
///
/// # Example
///
/// A store for one process, on nothing but this crate. It keeps the time to live, but never frees memory.
///
/// ```
#[doc = include_str!("example.rs")]
/// ```
pub trait Store: Records + Topology {
    /// The entries of a shard, page by page, in any order. The first call passes [`ScanCursor::START`], each further one the
    /// cursor of the page before.
    ///
    /// Every record that is there from the first call to the last is returned at least once. A record that is created, changed or
    /// deleted meanwhile may be returned or not, and in either state. Tombstones may be among the entries. A page may be
    /// empty although others follow.
    ///
    /// A scan reads every session of the shard. A store keeps its pages so small that other calls do not wait for them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] if the store cannot list its entries, which is the default.
    fn scan(
        &self,
        _shard: Shard,
        _cursor: &ScanCursor,
    ) -> impl Future<Output = Result<ScanPage, StoreError>> + Send {
        std::future::ready(Err(StoreError::Unsupported))
    }
}
