//! The seam to fred, the Redis library underneath. Only this module and `hash` name it.
//!
//! | File | What it does |
//! |---|---|
//! | `connection`, `caller` | a TCP connection, and the handle that sends commands over it |
//! | `listener` | subscriptions, on a connection of their own |
//! | `target`, `options` | where and how to connect |
//! | `server_info` | `INFO` |
//! | `convert` | commands to fred, and replies from it |
//! | `failure`, `tls_errors` | errors of fred |
//!
//! A fred client lives exactly as long as one TCP connection, and neither reconnects, nor retries, nor resubscribes: fred has bugs
//! in these cases, and the state of a connection that is made once is always known.
//!
//! Nearly all commands go out as custom commands, whose replies come back as the server sent them.

mod caller;
mod connection;
mod convert;
mod failure;
mod listener;
mod options;
mod server_info;
mod target;
mod tls_errors;

pub(crate) use self::caller::Caller;
pub(crate) use self::connection::Connection;
pub(crate) use self::listener::{Listener, Received};
pub(crate) use self::server_info::{Role, ServerInfo, parse_time};
pub(crate) use self::target::{Protocol, Target};
