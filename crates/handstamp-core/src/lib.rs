//! The rules of [handstamp](https://docs.rs/handstamp) sessions, as values and pure functions.
//!
//! Nothing here does I/O, starts a task or looks at a clock: whoever calls passes `now` in. That makes every
//! rule testable as a table of facts, and keeps the asynchronous crates above it thin.
//!
//! | Module | Holds |
//! |---|---|
//! | [`id`] | the session id, its hash (the store key), the public handle |
//! | [`keys`] | secrets, the key ring, the keys derived from it |
//! | [`cookie`] | the signed cookie value, and finding it in a header |
//! | [`record`] | what a store keeps, byte by byte |
//! | [`timeouts`] | idle timeout and absolute lifetime |
//! | [`plan`] | what to do after the handler: a table |
//! | [`cache`] | the local cache of a node |
//! | [`invalidation`] | the messages that nodes send each other |
//! | [`throttle`] | log lines at a bounded rate |

pub mod cache;
pub mod cookie;
#[cfg(test)]
mod formats;
pub mod id;
pub mod invalidation;
pub mod keys;
pub mod plan;
pub mod record;
pub mod throttle;
pub mod time;
pub mod timeouts;
