//! Tests of the public API, on a store in memory.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod abandoned;
mod caching;
mod clocks;
mod commits;
mod commits_in_responses;
mod concurrency;
mod config;
mod cookies;
mod ends;
mod error_responses;
mod extraction;
mod keep_alive;
mod late;
mod later_versions;
mod layers;
mod lifecycle;
mod outages;
mod panics;
mod policies;
mod readback;
mod renewals;
mod responses;
mod routes;
mod secrecy;
mod subjects;
mod support;
#[cfg(feature = "testing")]
mod testing;
mod timeouts;
mod unusable;
