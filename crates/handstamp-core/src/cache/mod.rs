//! The local cache of a node: striped, bounded in entries and in bytes, the least recently used is evicted first.
//!
//! What makes it more than a map are the ways in which an entry may *not* come in:
//!
//! - A value is put in with a [`FillTicket`] only, taken before the store is asked. If the session is invalidated
//!   in between, what the store answered may be older than the invalidation, and the ticket refuses it.
//! - Every entry belongs to a [`Freshness`], and is served while that is proved to be heard. When messages may have been
//!   missed, the freshness is [cut](Freshness::start_generation), which begins a new generation. Entries and tickets of older generations
//!   count no more; that takes one atomic step, however large the cache is.
//! - Invalidations carry the revision that was saved. A node that holds that very revision keeps it, so its own
//!   messages, and those that arrive late, do no harm.

mod capacity;
mod entry;
mod expiry;
mod freshness;
mod hasher;
mod local;
mod single_flight;
mod stats;
mod stripe;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket;
mod tickets;

pub use self::capacity::Capacity;
pub use self::expiry::Expiry;
pub use self::freshness::Freshness;
pub use self::local::LocalCache;
pub use self::single_flight::{LoadId, SingleFlight};
pub use self::stats::CacheStats;
pub use self::ticket::{FillOutcome, FillTicket};
