//! Real nodes on a real Redis, tested over HTTP, as a user of the reference node sees them.
//!
//! These tests build the node themselves, so it is never outdated.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod anonymous;
mod embedded;
mod failover;
mod forgery;
mod health;
mod later_version;
mod login;
mod nginx;
mod outage;
mod rejected_connections;
mod rotation;
mod settings;
mod several_nodes;
mod shutdown;
mod support;
mod unreadable;
mod write_path;
