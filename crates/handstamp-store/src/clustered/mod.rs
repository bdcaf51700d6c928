//! One node of a cluster: a store, a bus and local caches as one thing.
//!
//! | File | Content |
//! |---|---|
//! | | **What the layer above calls** |
//! | `clustered_store` | [`ClusteredStore`]: start, invalidate, clear, shut down |
//! | `reads`, `find`, `reuse` | reads from the cache or the store; a session by its public id; use of former ids |
//! | `write_scope`, `writes`, `reseal` | [`WriteScope`]: the writes of one request |
//! | `end`, `moves` | how a session ends, and how it leaves an id |
//! | `health` | what the listeners know of the store |
//! | `node_cache` | [`NodeCache`]: further caches on the same node |
//! | `settings`, `stats`, `lookup`, `stored_reply` | plain values |
//! | | **The tasks of a node** |
//! | `coordinator` | one listener for each shard |
//! | `listener`, `message_handler` | a subscription with its fences, and its messages |
//! | `monitor` | checks of a shard: reachable, writable, time |
//! | `upkeep` | deletes are repeated |
//! | | **The state that both share** |
//! | `node` | [`Node`](node::Node) |
//! | `loads`, `queries` | loads into the cache; replies of the store are verified |
//! | `known_deletes`, `time` | what the node does with its deletes; the time of the store |
//! | | **Parts that know nothing of the node** |
//! | `caches`, `sharded_cache`, `session_cache`, `cached`, `in_flight`, `recent_changes` | the caches |
//! | `deletes`, `tombstones` | deletes that are pending or recent |
//! | `shard_state`, `status` | the state of each shard |
//! | `fence_log`, `clear_throttle`, `shared_time`, `unknown_keys`, `log_limits`, `retry` | rules |

mod cached;
mod caches;
mod clear_throttle;
mod clustered_store;
mod coordinator;
mod deletes;
mod end;
mod fence_log;
mod find;
mod health;
mod in_flight;
mod known_deletes;
mod listener;
mod loads;
mod log_limits;
mod lookup;
mod message_handler;
mod monitor;
mod moves;
mod node;
mod node_cache;
mod queries;
mod reads;
mod recent_changes;
mod reseal;
mod retry;
mod reuse;
mod sent_messages;
mod session_cache;
mod settings;
mod shard_state;
mod sharded_cache;
mod shared_time;
mod stats;
mod status;
mod stored_reply;
mod time;
mod tombstones;
mod unknown_keys;
mod upkeep;
mod write_scope;
mod writes;

pub use self::clustered_store::ClusteredStore;
pub use self::end::EndOutcome;
pub use self::lookup::Lookup;
pub use self::node_cache::{CacheFill, NodeCache};
pub use self::settings::NodeSettings;
pub use self::stats::BusStats;
pub use self::stored_reply::{CacheEntry, Decoded, Loaded};
pub use self::write_scope::WriteScope;
