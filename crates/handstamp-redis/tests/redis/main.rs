//! The store and the bus on a real server.

#![allow(clippy::expect_used, clippy::panic, reason = "these are tests")]

mod circuits;
mod cluster;
mod conformance;
mod fake;
mod handshakes;
mod harness;
mod outages;
mod permissions;
mod records;
mod rejections;
mod replicas;
mod sentinel;
mod subscriptions;
mod tls;
mod tracking;
mod unexpected_replies;
mod write_checks;
