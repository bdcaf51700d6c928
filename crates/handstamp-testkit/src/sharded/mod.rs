//! Several stores and buses as the shards of one.

mod bus;
mod layout;
mod store;

pub use self::bus::{ShardedBus, ShardedSubscription};
pub use self::layout::ShardLayout;
pub use self::store::ShardedStore;
