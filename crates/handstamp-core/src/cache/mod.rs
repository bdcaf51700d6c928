//! The local cache of a node: sharded, bounded, least recently used goes first.
//!
//! What makes it more than a map are the ways in which an entry may *not* come in:
//!
//! - A value is put in with a [`Ticket`] only, taken before the store is asked. If the session is invalidated
//!   in between, what the store answered may be older than the invalidation, and the ticket refuses it.
//! - [`clear`](LocalCache::clear) begins a new generation. Entries and tickets of older generations count no
//!   more; that takes one atomic increment, however large the cache is.
//! - Invalidations carry the revision that was saved. A node that holds that very revision keeps it, so its own
//!   messages, and those that arrive late, do no harm.

mod flights;
mod hasher;
mod in_date;
mod local;
mod shard;
mod stats;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket;

pub use self::flights::{FlightNumber, Flights};
pub use self::in_date::InDate;
pub use self::local::LocalCache;
pub use self::stats::CacheStats;
pub use self::ticket::Ticket;
