//! What one node of a cluster does.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod cache;
mod caches;
mod coordinator;
mod ended;
mod find;
mod loads;
mod moves;
mod replicas;
mod seals;
mod shards;
mod slow;
mod support;
mod writes;
