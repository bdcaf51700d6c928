//! [handstamp](https://docs.rs/handstamp) sessions on Redis 6.2 and later, and on Valkey: [`RedisStore`] keeps the
//! records, [`RedisBus`] carries the invalidations by Pub/Sub. One server for now, with TLS
//! or without: no Cluster or Sentinel yet.
//!
//! [`connect`] makes the two. It never fails because the server is away: commands do, until it is there.
//!
//! ```
//! use handstamp_core::id::Namespace;
//! use handstamp_redis::{Channel, RedisConfig, connect};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let namespace = Namespace::new("shop")?;
//! let channel = Channel::of(&namespace);
//! let config = RedisConfig::new("redis://app:secret@localhost:6379".parse()?);
//! let (store, bus) = connect(config, namespace, channel);
//! # drop((store, bus));
//! # Ok(())
//! # }
//! ```
//!
//! # What lies in Redis
//!
//! A string per session, under `<namespace>:s:<hash of its id>`, with a time to live. Nothing else: no index, no
//! key without a time to live. A session that gets a new id leaves a mark of 20 bytes under its old key until the node has
//! heard that it did, which takes a round trip. Loading is a `GET` and a `PTTL` in one round trip. All other steps are
//! scripts of a few lines, each for one key, which compare the revision, publish the notice, and write, in one step.
//! The scripts are loaded when the server turns out not to know them.
//!
//! # Permissions
//!
//! This user can do all that is needed, for a namespace `shop` and the channel that goes with it, and nothing else:
//!
//! ```text
//! ACL SETUSER shop on >password resetkeys ~shop:s:* resetchannels &shop:invalidate -@all +ping +info +client|id
//!     +get +pttl +pexpire +role +evalsha +eval +getrange +exists +set +del +publish +subscribe
//! ```
//!
//! [`acl_rules`] writes it for any namespace and channel. `info` and `client|id` are asked for by the driver whenever
//! it connects. Besides, a database other than 0 needs `+select`; a cluster `+asking +cluster|info +cluster|slots`, and
//! `+readonly` to read from replicas; waiting for replicas `+wait`; tracking `+client|tracking`.
//!
//! # When the server is away
//!
//! Every command waits for its answer for [`RedisConfig::command_timeout`] at most, and fails at once while it is
//! known that there is no connection. No command is sent twice. A connection that is lost is made anew at once, or a
//! quarter of a second after the server is back at most. One on which nothing is answered any more is given up for a new
//! one, so that a server or a network that stands still is not waited for longer than needed.

mod acl;
mod bus;
mod canary;
mod channel;
mod circuits;
mod cluster;
mod config;
mod driver;
mod error;
mod name;
mod primary;
mod read_from;
mod redirection;
mod refusal;
mod replicas;
mod scripts;
mod sentinel;
mod server;
mod store;
mod subscription;
mod tls;
mod topology;
mod transport;
mod url;

use std::sync::Arc;

use handstamp_core::id::Namespace;

pub use self::acl::acl_rules;
pub use self::bus::RedisBus;
pub use self::channel::{Channel, InvalidChannel};
pub use self::circuits::Circuits;
pub use self::config::RedisConfig;
pub use self::driver::ClusteredClient;
pub use self::error::RedisError;
pub use self::read_from::{InvalidReadFrom, ReadFrom};
pub use self::refusal::Refusal;
pub use self::server::{BreakerSettings, CircuitEvent, CircuitState};
pub use self::store::RedisStore;
pub use self::subscription::RedisSubscription;
pub use self::tls::{Tls, TlsError};
pub use self::transport::{InvalidTransport, Transport};
pub use self::url::{RedisUrl, RedisUrlError};
pub use {fred, rustls};

use self::driver::SharedClient;
use self::topology::Topology;

/// The store of a namespace, and the bus that it publishes on.
///
/// They share connections, which tasks on the current tokio runtime make and keep up. Those end when the store is
/// [closed](handstamp_store::Store::close), or when the last clone of either is dropped.
///
/// # Panics
///
/// Outside of a tokio runtime.
#[must_use]
pub fn connect(config: RedisConfig, namespace: Namespace, channel: Channel) -> (RedisStore, RedisBus) {
    both(Topology::start(config), namespace, channel)
}

/// Like [`connect`], over a client that is there already: commands go over its connection, and whoever made it looks after
/// it. Only subscriptions have connections of their own, and writes that [wait for
/// replicas](RedisConfig::wait_replicas); those are made as `config` says, which has to name the same server or Sentinels.
///
/// The client's `connect` has to have been called, and it needs a policy to reconnect. It should not be one that
/// subscribes to anything: an error in the answer to a subscription shifts the answers behind it.
///
/// ```no_run
/// use fred::interfaces::ClientLike;
/// use handstamp_core::id::Namespace;
/// use handstamp_redis::{Channel, RedisConfig, connect_over, fred};
///
/// # async fn run(client: fred::clients::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let namespace = Namespace::new("shop")?;
/// let config = RedisConfig::new("redis://localhost:6379".parse()?);
/// let (store, bus) = connect_over(&client, config, namespace.clone(), Channel::of(&namespace))?;
/// # drop((store, bus));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the client or `config` is for a cluster: there, each primary needs a client of its own.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn connect_over(
    client: &fred::clients::Client,
    config: RedisConfig,
    namespace: Namespace,
    channel: Channel,
) -> Result<(RedisStore, RedisBus), ClusteredClient> {
    Ok(both(Topology::over(config, SharedClient::new(client)?)?, namespace, channel))
}

fn both(topology: Topology, namespace: Namespace, channel: Channel) -> (RedisStore, RedisBus) {
    let topology = Arc::new(topology);
    let store = RedisStore::new(topology.clone(), namespace.clone(), &channel);
    (store, RedisBus::new(topology, namespace, channel))
}
