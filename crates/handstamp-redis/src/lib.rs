//! [handstamp](https://docs.rs/handstamp) sessions on Redis 6.2 and later, and on Valkey: [`RedisStore`] keeps the
//! records, [`RedisBus`] carries the invalidations. On one server, behind Sentinels, or in a cluster, with TLS or without:
//! [`RedisUrl`] says where.
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
//! A string per session, under the [name](record_name) `<namespace>:s:{<label>}:<session key>`, with a time to live. Nothing else: no
//! index, no key without a time to live. A session that gets a new id, or is deleted, leaves a tombstone of 113 bytes under its old
//! key for half a minute. Loading is a `GET` and a `PTTL` in one round trip. All other steps are
//! scripts of a few lines, each for one key, which compare the revision, publish the invalidation, and write, in one step.
//! A script goes out by its hash, and by its text when the server turns out not to know it.
//!
//! # Permissions
//!
//! This user can do all that is needed, for a namespace `shop` and the channel that goes with it, and nothing else:
//!
//! ```text
//! ACL SETUSER shop on >password resetkeys ~shop:s:* resetchannels &shop:invalidate -@all +ping +info +client|id
//!     +client|setname +get +pttl +pexpire +role +evalsha +eval +getrange +exists +set +del +publish +subscribe
//! ```
//!
//! [`acl_rules`] writes it for any namespace and channel. Two of these can be left out: without `client|setname`,
//! connections have no name in `CLIENT LIST`; without `role`, the role of a server is read from `INFO`; without `info` as well, it
//! counts as a primary. Where `info` is denied, the time is that of `TIME`; where that is denied, too, nodes go by their own clocks. Besides, a database other than 0 needs `+select`; a cluster `+asking +cluster|info +cluster|slots`, and
//! `+readonly` to read from replicas; waiting for replicas `+wait`; tracking `+client|tracking`.
//!
//! # When a server is away
//!
//! Every attempt of a command has a limit, [`RedisConfig::load_timeout`] for reads and [`RedisConfig::save_timeout`] for
//! writes, and fails at once while it is known that there is no connection. No command is sent twice. A connection that
//! is lost is made anew at once, or a quarter of a second after the server is back at most. When half of its limit has
//! passed without a reply to a command, the connection is probed; one on which nothing is answered any more is replaced,
//! so that a server or a network that stands still is not waited for longer than needed. While a server does not
//! answer, its [circuit](BreakerSettings) is open, and nobody waits at all.
//!
//! A server that refuses a connection (for its password, its database, its limit of clients, in protected mode) counts
//! as away, too: commands fail at once with that cause, the log says it once, and attempts go on.
//!
//! A new connection to the same run of a server, as `run_id` and `master_replid` in `INFO` tell, changes nothing for
//! subscriptions: they have a connection of their own. If it leads elsewhere, or may do so, they end before the first
//! command goes there.
//!
//! # Sentinel
//!
//! Before every connection the Sentinels are asked where the primary is, and the verdict of the highest epoch counts. While
//! there is a connection, one Sentinel is watched, a random one first and another every half minute: its events
//! `+switch-master`, `+promoted-slave` and `+monitor` are heard, and once a second it is asked without (ten times a
//! second if it permits no subscription). A primary that turns out to be none is left.
//!
//! # Cluster
//!
//! Every primary has connections, a circuit and a subscription of its own, so that one which is dead or stands still costs
//! its own sessions and nothing else, and no longer than the cluster takes to choose another. The slots of all are known
//! from `CLUSTER SLOTS`, asked of up to eight primaries at a time; the answer with the highest epoch counts. Redirections
//! are followed: a command that got one has not been carried out. Set `cluster-require-full-coverage no`: with `yes`, a
//! cluster that lacks one primary refuses the sessions of all.
//!
//! Each node listens to *every* primary, because what goes over the bus between the servers can be lost without a trace. The
//! fence is the question which slots the primary has: those that have moved away are forgotten. Whoever changes a
//! session while its slot moves publishes on both sides.
//!
//! # What it costs to tell everybody
//!
//! With Pub/Sub, the servers send each message to every node, once from each of the M primaries, since they also tell each
//! other: N nodes get N * M copies of it. [`Transport::Tracking`] has the servers remember who has read which session, and
//! tell those only; it costs the servers memory for that, and a reload wherever only the time to live has changed.
//!
//! # What replication cannot give
//!
//! Servers answer a write before their replicas have it. If a primary dies in that moment, the write is lost, though it was
//! acknowledged: an update is undone, a logout or a login, too. [`RedisConfig::wait_replicas`] makes a create, a renewal
//! and a logout count only once so many replicas have them; saves never wait. It makes such a loss unlikely and not
//! impossible: the replica that is chosen may be another one than those that had it, and when too few replicas are there,
//! such writes are errors, though they were done on the primary. A primary that is cut off with some nodes in a minority
//! goes on answering them until its node time-out (or until the Sentinels' verdict reaches those nodes, a second); what is
//! written there in the meantime is lost. `min-replicas-to-write 1` on the servers bounds that.
//!
//! Reads from replicas ([`ReadFrom::Replica`]) are for sessions of which this node has not heard lately, on replicas that
//! are known to have all that their primary had a second ago. All else asks the primary, as do `nil` and whoever wants to
//! know for certain.

mod acl;
mod beside;
mod bus;
mod canary;
mod channel;
mod circuits;
mod cluster;
mod config;
mod driver;
mod error;
mod latest;
mod limit;
mod name;
mod primary;
mod purpose;
mod read_from;
mod redirection;
mod refusal;
mod replicas;
mod scripts;
mod sentinel;
mod server;
mod shared;
mod store;
mod subscription;
mod task;
mod tls;
mod topology;
mod transport;
mod url;
mod write_check;

use std::sync::Arc;

use handstamp_core::id::Namespace;

pub use self::acl::acl_rules;
pub use self::bus::RedisBus;
pub use self::channel::{Channel, InvalidChannel};
pub use self::circuits::CircuitBreakers;
pub use self::config::RedisConfig;
pub use self::driver::UnfitClient;
pub use self::error::RedisError;
pub use self::name::record_name;
pub use self::read_from::{InvalidReadFrom, ReadFrom};
pub use self::refusal::Refusal;
pub use self::server::{BreakerSettings, CircuitEvent, CircuitState, ConnectionRole};
pub use self::store::RedisStore;
pub use self::subscription::RedisSubscription;
pub use self::tls::{Tls, TlsError};
pub use self::transport::{Transport, UnknownTransport};
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
/// it. Only subscriptions have connections of their own, checks of writes, and writes that [wait for
/// replicas](RedisConfig::wait_replicas); those are made as `config` says, which has to name the
/// same server or Sentinels, and the same database.
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
/// When the client or `config` is for a cluster, where each primary needs a client of its own; or when the client speaks
/// RESP3, and `config` says tracking.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn connect_over(
    client: &fred::clients::Client,
    config: RedisConfig,
    namespace: Namespace,
    channel: Channel,
) -> Result<(RedisStore, RedisBus), UnfitClient> {
    let client = SharedClient::new(client, config.protocol())?;
    Ok(both(Topology::over(config, client)?, namespace, channel))
}

fn both(topology: Topology, namespace: Namespace, channel: Channel) -> (RedisStore, RedisBus) {
    let topology = Arc::new(topology);
    let store = RedisStore::new(topology.clone(), namespace.clone(), &channel);
    (store, RedisBus::new(topology, namespace, channel))
}
