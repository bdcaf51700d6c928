//! Where [handstamp](https://docs.rs/handstamp) sessions are kept.
//!
//! Two contracts, written for whoever implements them: a [`Store`] keeps records, a [`Bus`] carries
//! invalidations. [`MemoryStore`] and [`MemoryBus`] fulfil them within one process; the `handstamp-redis` crate
//! does over Redis and Valkey. Whoever writes another finds the tests in `conformance` (a feature of that name).
//!
//! [`ClusteredStore`] makes one node out of a store, a bus and a local cache: reads come from the cache as long
//! as the node can prove that it has heard of every invalidation, and from the store when it cannot.

mod backoff;
mod bus;
mod clock;
mod clustered;
mod error;
mod memory;
mod shard;
mod store;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use self::backoff::Backoff;
pub use self::bus::{Bus, BusError, BusEvent, FenceOutcome, Subscription};
pub use self::clock::{Clock, SystemClock};
pub use self::clustered::{
    BusStats, CacheEntry, ClusteredStore, Decoded, EndOutcome, Loaded, Lookup, NodeSettings, WriteScope,
};
pub use self::error::{BoxError, SharedError, StoreError};
pub use self::memory::{MemoryBus, MemoryStore, MemorySubscription};
pub use self::shard::{Shard, Shards};
pub use self::store::{
    CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Store, Stored, TombstoneOutcome, TouchOutcome,
};
