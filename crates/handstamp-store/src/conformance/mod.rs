//! The tests that every [`Store`] and [`Bus`] must pass: what their contracts say, as
//! assertions.
//!
//! Each function is one behaviour and panics where it is missing. [`store`] and [`bus`] run them all:
//!
//! ```
//! # async fn run() {
//! use handstamp_store::{MemoryBus, MemoryStore, Shard, conformance};
//!
//! let bus = MemoryBus::new();
//! conformance::store(&MemoryStore::new(bus.clone()), &bus).await;
//! conformance::bus(&bus, Shard::ONLY).await;
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run());
//! ```
//!
//! They use random keys, so they can run side by side and on a store that is in use. Times to live are real:
//! the suite takes a second or two.

#![allow(clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bus;
mod store;

pub use self::bus::*;
pub use self::store::*;

use crate::{Bus, Shard, Store};

/// Everything that a store promises. `bus` is the one on which it publishes.
pub async fn store(store: &impl Store, bus: &impl Bus) {
    records(store).await;
    invalidations(store, bus).await;
}

/// What a store promises of invalidations. One that tells of changes [by itself](crate::BusEvent::Changed) publishes none.
pub async fn invalidations(store: &impl Store, bus: &impl Bus) {
    writes_publish_their_notice(store, bus).await;
    what_changes_nothing_publishes_nothing(store, bus).await;
}

/// What a store promises of records.
pub async fn records(store: &impl Store) {
    a_record_is_loaded_as_it_was_created(store).await;
    a_record_lives_as_long_as_it_was_given(store).await;
    creating_never_overwrites(store).await;
    creating_can_be_repeated(store).await;
    saving_replaces_the_expected_revision_only(store).await;
    saving_can_be_repeated(store).await;
    saving_never_creates(store).await;
    saving_sets_the_time_to_live_anew(store).await;
    of_many_concurrent_saves_one_succeeds(store).await;
    touching_extends_and_shortens(store).await;
    touching_never_creates(store).await;
    deleting_is_final(store).await;
    deleting_leaves_a_tombstone(store).await;
    deleting_can_be_repeated(store).await;
    deleting_spares_successors_on_request(store).await;
    retiring_spares_all_other_revisions(store).await;
    retiring_can_be_repeated(store).await;
    retiring_is_final(store).await;
    tombstones_can_be_shortened(store).await;
    nothing_survives_a_delete_among_writes(store).await;
    payloads_may_be_anything(store).await;
    a_working_store_says_so(store).await;
}

/// Everything that a bus promises of what this shard tells.
pub async fn bus(bus: &impl Bus, shard: Shard) {
    messages_reach_every_subscription(bus, shard).await;
    a_fence_covers_what_was_published_before(bus, shard).await;
    messages_may_be_anything(bus, shard).await;
    a_dropped_subscription_leaves_the_others(bus, shard).await;
}
