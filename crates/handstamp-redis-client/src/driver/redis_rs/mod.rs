//! The driver on [redis-rs](https://docs.rs/redis), on its `MultiplexedConnection`, which does not reconnect.
//!
//! | File | What it does |
//! |---|---|
//! | `connect`, `log_in` | a connection, and its handshake |
//! | `stream` | remembers why the connection ended |
//! | `gather` | commands that are ready together leave in one write |
//! | `sender` | commands |
//! | `messages` | subscriptions |
//! | `convert` | commands to redis-rs, and replies from it |
//!
//! redis-rs gets a stream that is connected already, so that TCP and TLS are as for all drivers. By itself it would
//!
//! - leave Nagle's algorithm on, which delays commands: [`connect`] sets `TCP_NODELAY`;
//! - give up on a reply after half a second, although the caller has limits of its own: that timeout is off;
//! - report an error in place of the cause when a connection ends, and only to a command in flight: [`stream`] records the cause, and
//!   the end of the future that drives the connection is the end of the connection;
//! - replace the error replies to `AUTH` and `SELECT` by texts of its own: [`log_in`] sends both as ordinary commands, and leaves only
//!   `HELLO` to redis-rs;
//! - send `CLIENT SETINFO`, which a user may not be permitted: that is off;
//! - queue messages without a bound, where an unbounded channel receives them: [`messages`] has a bound, and counts the rest.
//!
//! As with fred, an error reply that is not UTF-8 ends the connection. Servers quote arguments, which may be binary, in the error about
//! an unknown command only.
//!
//! A `MultiplexedConnection` neither retries nor sends pings, and without the feature `cache-aio` there is no cache.

mod connect;
mod convert;
mod gather;
mod log_in;
mod messages;
mod sender;
mod stream;

pub(super) use self::connect::{connect, connect_listener};
pub(super) use self::messages::Messages;
pub(super) use self::sender::Sender;
