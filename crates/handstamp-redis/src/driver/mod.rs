//! The seam to the client library, and the only place that names it.
//!
//! Outside of this module there are a [`Connection`] to one server, [`Request`]s and [`Reply`]s, and a [`Listener`] on
//! one channel. Of `fred` we use as little as that takes: a client object lives exactly as long as one TCP connection,
//! and neither reconnects, nor retries, nor subscribes anew. What it does in these cases is what it has bugs in, and a
//! connection that is made once cannot be in doubt about its state.
//!
//! Nearly all commands go out as custom commands, whose replies come back as the server sent them.

use fred::types::Key;

mod connection;
mod failure;
mod handshake;
mod listener;
mod message;
mod options;
mod server_info;
mod shared_client;
mod target;

pub(crate) use self::connection::{Caller, Connection};
pub(crate) use self::listener::{Listener, Received};
pub(crate) use self::message::{Reply, Request};
pub(crate) use self::server_info::{Role, ServerInfo, time_of};
pub(crate) use self::shared_client::SharedClient;
pub use self::shared_client::UnfitClient;
pub(crate) use self::target::{Protocol, Target};

/// The slot of a cluster that a key lies in.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    Key::from(key).cluster_hash()
}

/// The name under which the server knows a script.
pub(crate) fn sha1_hex(text: &str) -> String {
    fred::util::sha1_hash(text)
}
