//! Real nodes on a real Redis, asked over HTTP: what a user of the reference node sees.
//!
//! The node is built by these tests themselves, so it is never an old one.

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
mod refusals;
mod rotation;
mod settings;
mod shutdown;
mod support;
mod topologies;
mod unreadable;
mod write_path;
