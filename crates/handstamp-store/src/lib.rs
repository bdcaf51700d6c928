//! Where [handstamp](https://docs.rs/handstamp) sessions are kept.
//!
//! | Part | What it is |
//! |---|---|
//! | [`Store`], [`Records`], [`Topology`] | the contract of a store, which keeps the records of sessions |
//! | [`Bus`], [`Subscription`] | the contract of a bus, which carries invalidations to all nodes |
//! | [`Clock`] | the contract of a clock |
//! | [`BoxStore`], [`BoxBus`] | a store and a bus whose types are chosen at run time |
//! | [`StoreWrapper`] | the base of stores around other stores |
//! | [`MemoryStore`], [`MemoryBus`] | a store and a bus within one process |
//! | `conformance` | the tests that every store and bus must pass (a feature) |
//! | [`ClusteredStore`] | one node: a store, a bus and a local cache |
//!
//! The `handstamp-redis` crate implements the contracts on Redis and Valkey. A store of your own needs no other dependency than this crate:
//! all types that the contracts name are here. [`Store`] shows an example.

mod backoff;
mod bus;
mod clock;
mod clustered;
mod error;
mod manual_clock;
mod memory;
mod shard;
mod store;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use bytes::Bytes;
pub use handstamp_core::cache::{CacheStats, CachedSession, Capacity, Versioned};
pub use handstamp_core::id::SessionKey;
pub use handstamp_core::record::{Entry, RecordError, Revision, SubjectTooLong};
pub use handstamp_core::time::Timestamp;

pub use self::backoff::Backoff;
pub use self::bus::{
    BoxBus, BoxSubscription, Bus, BusError, BusEvent, DynBus, DynSubscription, FenceOutcome, Subscription,
};
pub use self::clock::{Clock, SystemClock};
pub use self::clustered::{
    BusStats, CacheEntry, CacheFill, ClusteredStore, Decoded, EndOutcome, Loaded, Lookup, NodeCache,
    NodeSettings, WriteScope,
};
pub use self::error::{BoxError, SharedError, StoreError};
pub use self::manual_clock::ManualClock;
pub use self::memory::{MemoryBus, MemoryStore, MemorySubscription};
pub use self::shard::{Shard, Shards, ShardsSender};
pub use self::store::{
    BoxFuture, BoxStore, CreateOutcome, DeleteOutcome, DeleteScope, DynStore, Records, SaveOutcome,
    ScanCursor, ScanPage, Store, StoreWrapper, Stored, TombstoneOutcome, Topology, TouchOutcome,
};
