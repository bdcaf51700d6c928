//! [handstamp](https://docs.rs/handstamp) sessions on Redis 6.2 and later, and on Valkey: [`RedisStore`] keeps the
//! records, [`RedisBus`] carries the invalidations, over the connections of [`handstamp_redis_client`]: one server, a primary behind
//! Sentinels, or a cluster, with TLS or without.
//!
//! [`connect`] makes the two. It never fails because a server is down: commands do, until it is reachable.
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
//! # Keys
//!
//! Each session is a string under the [key](record_key) `<namespace>:s:{<label>}:<session key>`, with a time to live. There is no
//! index, and no key without a time to live. A session that gets a new id, or is deleted, leaves a tombstone of 113 bytes under
//! its old key for half a minute. A load is a `GET` and a `PTTL` in one round trip. All other steps are
//! scripts of a few lines, each for one key, which compare the revision, publish the invalidation, and write, in one step.
//! A script goes out by its hash, and by its text where the server does not know it.
//!
//! # Permissions
//!
//! This user has all permissions that are needed, and no other, for a namespace `shop` and its default channel:
//!
//! ```text
//! ACL SETUSER shop on >password resetkeys ~shop:s:* resetchannels &shop:invalidate -@all +ping +info +client|id
//!     +client|setname +get +pttl +pexpire +role +evalsha +eval +getrange +exists +set +del +publish +subscribe +scan
//! ```
//!
//! [`acl_rules`] writes it for any namespace and channel. Some of these can be left out: without `scan`, no
//! session can be ended by its public id; without `client|setname`, connections have no name in `CLIENT LIST`;
//! without `role`, the role of a server is read from `INFO`; without `info` as well, it counts as a primary. Where `info` is denied, the time comes from `TIME`; where that is denied, too, nodes use their own clocks.
//! A database other than 0 also needs `+select`; a cluster `+asking +cluster|info +cluster|slots`, and
//! `+readonly` to read from replicas; waiting for replicas `+wait`; tracking `+client|tracking`.
//!
//! # Clusters
//!
//! Each node subscribes on *every* primary, because messages between the servers can be lost without a trace. A fence also checks
//! which slots the primary owns: cached sessions of slots that have moved away are dropped. A change to a
//! session whose slot is moving is published on both primaries.
//!
//! # Costs of invalidations
//!
//! With Pub/Sub, the servers send each message to every node, once from each of the M primaries, because they forward it to each
//! other: N nodes get N * M copies of it. With [`RedisConfig::tracking`], the servers remember which node has read which session,
//! and notify only those; this costs memory on the servers, and a reload wherever only the time to live has changed.
//!
//! # Limits of replication
//!
//! Servers acknowledge a write before their replicas have it. If a primary dies in that moment, an acknowledged write is
//! lost: an update, a logout or a login is undone. With [`RedisConfig::wait_replicas`], a create, a renewal
//! and a logout count only once so many replicas have them; saves never wait. This makes such a loss unlikely, not
//! impossible: the replica that is promoted may be another one, and when too few replicas are reachable,
//! such writes fail, though they were done on the primary. A primary that is cut off with some nodes in a minority
//! accepts their commands until its node timeout (or for a second, until the Sentinels' verdict reaches those nodes); what is
//! written there meanwhile is lost. `min-replicas-to-write 1` on the servers bounds that.
//!
//! Reads from replicas ([`ReadFrom::Replica`]) are for sessions that have not changed recently as far as this node knows, on
//! replicas that are known to have all writes older than a second. Everything else is loaded from the primary, and so is a
//! session that a replica does not have.
//!
//! # Map of the crate
//!
//! | Module | What it does |
//! |---|---|
//! | `store` | [`RedisStore`]: records, and scans of them |
//! | `scripts` | the Lua scripts of the store |
//! | `bus`, `subscription` | [`RedisBus`]: invalidations and fences |
//! | `canary` | detects a flush of the server, with tracking |
//! | `write_check` | checks that writes work |
//! | `key`, `auxiliary_key`, `channel` | the names of keys and channels |
//! | `acl` | the permissions that a user needs |
//! | `error`, `shard` | conversions between the client and the contracts |

mod acl;
mod auxiliary_key;
mod bus;
mod canary;
mod channel;
mod error;
mod invalidation_transport;
mod key;
mod scripts;
mod shard;
mod store;
mod subscription;
mod write_check;

use handstamp_core::id::Namespace;
pub use handstamp_redis_client::{
    BreakerSettings, CircuitBreakers, CircuitEvent, CircuitState, Client, Command, ConnectionRole, Driver,
    ErrorReply, InvalidDriver, InvalidReadFrom, InvalidSettings, NotUtf8, ReadFrom, RedisConfig, RedisError,
    RedisSettings, RedisUrl, RedisUrlError, Reply, SettingError, Tls, TlsError,
};

pub use self::acl::acl_rules;
pub use self::bus::RedisBus;
pub use self::channel::{Channel, InvalidChannel};
pub use self::invalidation_transport::{InvalidInvalidationTransport, InvalidationTransport};
pub use self::key::record_key;
pub use self::store::RedisStore;
pub use self::subscription::RedisSubscription;

/// The store of a namespace, and the bus that it publishes on.
///
/// They share connections, which tasks on the current tokio runtime make and keep up. Those end when the store is
/// [closed](handstamp_store::Topology::close), or when the last clone of both is dropped.
///
/// # Panics
///
/// Outside of a tokio runtime.
#[must_use]
pub fn connect(config: RedisConfig, namespace: Namespace, channel: Channel) -> (RedisStore, RedisBus) {
    connect_with(Client::start(config), namespace, channel)
}

/// [`connect`], over the connections of a client that is shared with other code. Closing the store, as a node does when it shuts down, closes
/// the client for all of them.
///
/// This starts no task, and does not panic: [`Client::start`] needs the tokio runtime.
#[must_use]
pub fn connect_with(client: Client, namespace: Namespace, channel: Channel) -> (RedisStore, RedisBus) {
    let store = RedisStore::new(client.clone(), namespace.clone(), &channel);
    (store, RedisBus::new(client, namespace, channel))
}
