//! The seam to the libraries underneath: fred, and redis-rs with the feature of this name. Only this module and `hash` name them.
//!
//! | File | What it does |
//! |---|---|
//! | `choice` | which library it is |
//! | `connection`, `caller` | a TCP connection, and the handle that sends commands over it |
//! | `listener` | subscriptions, on a connection of their own |
//! | `sender`, `messages` | what a library has to do for them |
//! | `fred`, `redis_rs` | the libraries |
//! | `target` | where and how to connect |
//! | `server_info` | `INFO` |
//! | `end`, `io_errors` | why a connection ends |
//!
//! A connection of a library lives exactly as long as one TCP connection, and neither reconnects, nor retries, nor resubscribes: the
//! libraries have bugs in these cases, and the state of a connection that is made once is always known.
//!
//! Nearly all commands go out as custom commands, whose replies come back as the server sent them.

mod caller;
mod choice;
mod connection;
mod end;
mod fred;
mod io_errors;
mod listener;
mod messages;
#[cfg(feature = "redis-rs")]
mod redis_rs;
mod sender;
mod server_info;
mod target;

pub(crate) use self::caller::Caller;
pub use self::choice::{Driver, InvalidDriver};
pub(crate) use self::connection::Connection;
pub(crate) use self::listener::Listener;
pub(crate) use self::messages::Received;
pub(crate) use self::server_info::{Role, ServerInfo, parse_time};
pub(crate) use self::target::{Protocol, Target};
