//! A resilient client for Redis 6.2 and later, and for Valkey: one server, a primary behind Sentinels, or a cluster, with TLS
//! or without. [`RedisUrl`] lists the forms of a URL.
//!
//! [`Client::start`] never fails because a server is down: commands do, until it is reachable.
//!
//! ```no_run
//! use handstamp_redis_client::{Client, Command, RedisConfig, Reply};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::start(RedisConfig::new("redis://app:secret@localhost:6379".parse()?));
//! let key = "greeting".into();
//! client.call(&key, &Command::write("SET").arg(key.clone()).arg("hello")).await?;
//! let reply = client.call(&key, &Command::read("GET").arg(key.clone())).await?;
//! assert_eq!(reply, Reply::Bytes("hello".into()));
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Timeouts and reconnecting
//!
//! Every attempt of a command has a limit, [`RedisConfig::load_timeout`] for reads and [`RedisConfig::save_timeout`] for
//! writes, and fails at once while there is known to be no connection. No command is sent twice, unless the server has replied
//! that it was not carried out. A lost connection is made again at once, or at most a quarter of a second after the server is
//! back. When half of the limit has passed without a reply, the connection is probed. A connection without any reply is
//! replaced, so that a stalled server or network is not waited for longer than needed. While a server does not reply, its
//! [circuit](BreakerSettings) is open, and commands fail at once.
//!
//! A server that rejects a connection (for its password, its database, its limit of clients, in protected mode) counts
//! as down, too: commands fail at once with that cause, it is logged once, and attempts go on.
//!
//! A new connection to the same run of a server, as `run_id` and `master_replid` in `INFO` show, does not affect
//! subscriptions: they have a connection of their own. If it leads to another server, or may do so, they end before the first
//! command goes there.
//!
//! # Sentinel
//!
//! Before every connection, all Sentinels are queried for the primary, and the reply with the highest epoch counts. While
//! there is a connection, one Sentinel is watched, a random one first and another every half minute: the client subscribes to its
//! events `+switch-master`, `+promoted-slave` and `+monitor`, and queries it once a second (ten times a
//! second if it permits no subscription). A server that turns out to be no primary is left.
//!
//! # Cluster
//!
//! Every primary has connections, a circuit breaker and subscriptions of its own, so that a dead or stalled primary affects
//! its own keys only, and no longer than the cluster takes to elect another. `CLUSTER SLOTS` of up to eight primaries gives the
//! slots; the reply with the highest epoch counts. Redirections are followed: a redirected command has not been carried out.
//! Set `cluster-require-full-coverage no`: with `yes`, a cluster that lacks one primary rejects commands for all keys.
//!
//! # Fences
//!
//! [`Subscription::fence`] is a round trip on the connection of the subscription. Once it completes, all messages that
//! the server published before are ready in [`Subscription::try_next`]. In a cluster, the round trip also checks which slots the
//! primary owns.
//!
//! # Map of the crate
//!
//! | Module | What it does |
//! |---|---|
//! | `client`, `client_state`, `topology` | the public entry; which primary owns a key |
//! | `config`, `url`, `tls`, `settings` | what to connect to and how, in code and from `REDIS_*` variables |
//! | `command`, `reply`, `error`, `error_reply` | what is sent, and what comes back |
//! | `subscription`, `event` | messages and fences of a channel |
//! | `circuit_breakers`, `circuit_event`, `breaker_settings` | the circuit breakers of the servers |
//! | `cluster`, `sentinel` | which servers are primaries |
//! | `primary`, `replicas` | the connections to a primary, and to its replicas |
//! | `server` | one connection for commands, kept up by a supervisor task, with its circuit breaker |
//! | `driver`, `hash` | the only modules that name the Redis libraries underneath |

mod backoff;
mod breaker_settings;
mod circuit_breakers;
mod circuit_event;
mod client;
mod client_state;
mod cluster;
mod command;
mod config;
mod connection_role;
mod driver;
mod error;
mod error_reply;
mod event;
mod hash;
mod highest_epoch;
mod primary;
mod read_from;
mod replicas;
mod reply;
mod sentinel;
mod server;
mod settings;
mod shard_id;
mod shared;
mod subscription;
mod tls;
mod topology;
mod url;

pub use self::breaker_settings::BreakerSettings;
pub use self::circuit_breakers::CircuitBreakers;
pub use self::circuit_event::{CircuitEvent, CircuitState};
pub use self::client::Client;
pub use self::command::{Command, Script};
pub use self::config::RedisConfig;
pub use self::connection_role::ConnectionRole;
pub use self::driver::{Driver, InvalidDriver};
pub use self::error::RedisError;
pub use self::error_reply::ErrorReply;
pub use self::event::{Event, Fence};
pub use self::hash::slot_of;
pub use self::read_from::{InvalidReadFrom, ReadFrom};
pub use self::reply::Reply;
pub use self::server::WriteProbe;
pub use self::settings::{InvalidSettings, NotUtf8, RedisSettings, SettingError};
pub use self::shard_id::ShardId;
pub use self::subscription::Subscription;
pub use self::tls::{Tls, TlsError};
pub use self::url::{RedisUrl, RedisUrlError};
