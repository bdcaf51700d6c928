//! The contracts of stores, buses and clocks, for implementations of your own: all types that they name, so that no other dependency is
//! needed.
//!
//! [`Store`] shows a small store for one process. [`Sessions::start_with`](crate::Sessions::start_with) starts a node on it. The feature `testing` has the
//! conformance suite that every store must pass, in `conformance`.
//!
//! A store with one shard, its bus and its clock, around those in memory:
//!
//! ```
#![doc = include_str!("store_example.rs")]
//! ```

#[cfg(feature = "testing")]
pub use handstamp_store::conformance;
pub use handstamp_store::{
    BoxBus, BoxError, BoxFuture, BoxStore, BoxSubscription, Bus, BusError, BusEvent, Bytes, Clock,
    CreateOutcome, DeleteOutcome, DeleteScope, DynBus, DynStore, DynSubscription, Entry, FenceOutcome,
    MemoryBus, MemoryStore, MemorySubscription, RecordError, Records, Revision, SaveOutcome, ScanCursor,
    ScanPage, SessionKey, Shard, Shards, ShardsSender, SharedError, Store, StoreError, StoreWrapper, Stored,
    SubjectTooLong, Subscription, SystemClock, Timestamp, TombstoneOutcome, Topology, TouchOutcome,
};
