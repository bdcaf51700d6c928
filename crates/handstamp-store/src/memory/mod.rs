//! A store and a bus within one process, for development, for tests, and for a single node.

mod bus;
mod entries;
mod store;

pub use self::bus::{MemoryBus, MemorySubscription};
pub use self::store::MemoryStore;
