//! Real nodes on a real Redis, tested over HTTP, as a user of the reference node sees them.
//!
//! These tests build the node themselves, so it is never outdated.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod anonymous;
mod cluster;
mod embedded;
mod forgery;
mod health;
mod later_version;
mod login;
mod nginx;
mod outage;
mod rejected_connections;
mod rotation;
mod settings;
mod shutdown;
mod support;
mod topologies;
mod unreadable;
mod write_path;
