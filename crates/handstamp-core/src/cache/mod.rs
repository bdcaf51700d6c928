//! The local cache of a node: striped, bounded in entries and in bytes.
//!
//! Three rules keep stale values out of it:
//!
//! - A value is inserted with a [`FillTicket`] only, which is taken before the store is queried. If the session is invalidated
//!   in between, the reply may be older than the invalidation, and the ticket rejects it.
//! - Every entry depends on a [`Freshness`], and is served while that has a recent fence. When invalidations may have been
//!   missed, a [new generation starts](Freshness::start_generation), and entries and tickets of earlier generations are void;
//!   that takes one atomic step, whatever the size of the cache.
//! - Invalidations carry the saved revision. A node that has cached that very revision keeps it, so that its own messages, and
//!   late ones, do no harm.

mod capacity;
mod entry;
mod expiry;
mod freshness;
mod ghosts;
mod hasher;
mod local;
mod lookups;
mod open_tickets;
mod s3_fifo;
mod session;
mod session_count;
mod single_flight;
mod slots;
mod stats;
mod stripe;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket;

pub use self::capacity::Capacity;
pub use self::expiry::Expiry;
pub use self::freshness::Freshness;
pub use self::hasher::{BuildHash64, Passthrough};
pub use self::local::{Found, LocalCache};
pub use self::session::{CachedSession, Versioned};
pub use self::single_flight::{LoadId, SingleFlight};
pub use self::stats::CacheStats;
pub use self::ticket::{FillOutcome, FillTicket};
