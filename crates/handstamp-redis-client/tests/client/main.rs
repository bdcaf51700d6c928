//! The client on real servers. How it survives outages is tested through the store, in `handstamp-redis/tests/redis`.

#![allow(clippy::expect_used, clippy::panic, reason = "these are tests")]

mod batches;
mod cluster;
mod commands;
mod connection_names;
mod harness;
mod lifecycle;
mod subscriptions;
