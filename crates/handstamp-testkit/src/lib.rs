//! Test support for all crates: real servers and nodes that can be killed, a network that can fail, a clock that tests advance.
//! Everything ends when its value is dropped, even if the test panics.
//!
//! A missing program is a panic that says how to install it, never a test that silently does nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "test support")]

mod cluster;
mod eventually;
mod faulty_bus;
mod faulty_store;
mod later_version;
mod log;
mod node;
mod observer;
mod patience;
mod port;
mod process;
mod proxy;
mod record;
mod reference_node;
mod replica;
mod replication;
mod secret;
mod sentinel;
mod server;
mod sharded;
mod tls;
mod until;

pub use redis;

pub use self::cluster::{ClusterOptions, RedisCluster};
pub use self::eventually::eventually;
pub use self::faulty_bus::{BusFaults, FaultyBus, FaultySubscription};
pub use self::faulty_store::{Fault, Faults, FaultyStore, HeldCall};
pub use self::later_version::LaterVersion;
pub use self::log::Log;
pub use self::node::NodeProcess;
pub use self::patience::PATIENCE;
pub use self::port::{ReservedPort, free_port};
pub use self::proxy::{Direction, Proxy};
pub use self::record::{record, resealed, sealed, sealer, tombstone, unsealed};
pub use self::reference_node::reference_node;
pub use self::replica::Replica;
pub use self::secret::{random_secret, seeded_secret};
pub use self::sentinel::{RedisSentinel, SentinelOptions};
pub use self::server::{RedisServer, ServerOptions};
pub use self::sharded::{ShardLayout, ShardedBus, ShardedStore, ShardedSubscription};
pub use self::tls::Certificates;
pub use self::until::until;
pub use handstamp_store::ManualClock;
