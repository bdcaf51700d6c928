//! The rules of [handstamp](https://docs.rs/handstamp) sessions, as values and pure functions.
//!
//! Nothing here does I/O, starts a task or reads a clock: callers pass `now`. So every rule can be tested as a table of facts,
//! and the asynchronous crates above stay thin.
//!
//! | Module | Content |
//! |---|---|
//! | [`id`] | the session id, its hash (the store key), the public id |
//! | [`keys`] | secrets, the key ring, the keys derived from it |
//! | [`cookie`] | the signed cookie value, and how to find it in a header |
//! | [`record`] | the entries of a store, byte by byte |
//! | [`timeouts`] | idle timeout and absolute lifetime |
//! | [`plan`] | the steps after the handler, as a table |
//! | [`protocol`] | group commit, logout and renewal, as state machines |
//! | [`cache`] | the local cache of a node |
//! | [`invalidation`] | the messages between nodes |
//! | [`throttle`] | rate-limited log lines |

mod base64url;
pub mod cache;
pub mod cookie;
#[cfg(test)]
mod formats;
pub mod id;
pub mod invalidation;
pub mod keys;
pub mod plan;
pub mod protocol;
pub mod record;
pub mod throttle;
pub mod time;
pub mod timeouts;
