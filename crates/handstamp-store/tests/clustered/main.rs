//! What one node of a cluster does.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod cache;
mod caches;
mod find;
mod listener;
mod loads;
mod renewals;
mod repeated_deletes;
mod replicas;
mod seals;
mod shards;
mod slow_replies;
mod support;
mod writes;
