//! The tests that every [`Store`] and [`Bus`] must pass: the rules of their contracts, as assertions.
//!
//! Each function tests one behaviour, and panics where it is missing. [`store`], [`scan`] and [`bus`] run them all:
//!
//! ```
//! # async fn run() {
//! use handstamp_store::{MemoryBus, MemoryStore, Shard, conformance};
//!
//! let bus = MemoryBus::new();
//! let store = MemoryStore::new(bus.clone());
//! conformance::store(&store, &bus).await;
//! conformance::scan(&store).await;
//! conformance::bus(&bus, Shard::ONLY).await;
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run());
//! ```
//!
//! Keys are random, so tests can run at the same time and on a store that is in use. Times to live are real: the suite takes
//! a second or two.

#![allow(clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bus;
mod deletes;
mod invalidations;
mod scan;
mod support;
mod writes;

pub use self::bus::*;
pub use self::deletes::*;
pub use self::invalidations::*;
pub use self::scan::*;
pub use self::writes::*;

use crate::{Bus, Shard, Store};

/// Everything that a store must do, except for optional capabilities. `bus` is the one that it publishes on.
pub async fn store(store: &impl Store, bus: &impl Bus) {
    records(store).await;
    invalidations(store, bus).await;
}

/// The rules about invalidations. They do not apply to a store that announces changes [by itself](crate::BusEvent::KeyChanged).
pub async fn invalidations(store: &impl Store, bus: &impl Bus) {
    writes_publish_their_invalidation(store, bus).await;
    a_step_without_effect_publishes_nothing(store, bus).await;
}

/// The rules about records.
pub async fn records(store: &impl Store) {
    a_record_is_loaded_as_it_was_created(store).await;
    a_record_lives_as_long_as_it_was_given(store).await;
    creating_never_overwrites(store).await;
    creating_can_be_repeated(store).await;
    saving_replaces_the_expected_revision_only(store).await;
    saving_can_be_repeated(store).await;
    saving_never_creates(store).await;
    a_save_sets_the_time_to_live_again(store).await;
    of_many_concurrent_saves_one_succeeds(store).await;
    touching_extends_and_shortens(store).await;
    touching_never_creates(store).await;
    deleting_is_final(store).await;
    deleting_leaves_a_tombstone(store).await;
    deleting_can_be_repeated(store).await;
    deleting_can_leave_records_with_a_predecessor(store).await;
    a_tombstone_replaces_the_expected_revision_only(store).await;
    replacing_with_a_tombstone_can_be_repeated(store).await;
    replacing_with_a_tombstone_is_final(store).await;
    tombstones_can_be_shortened(store).await;
    concurrent_writes_do_not_undo_a_delete(store).await;
    payloads_may_be_anything(store).await;
    a_working_store_passes_its_checks(store).await;
}

/// The rules of [scans](Store::scan), for a store that has this capability.
pub async fn scan(store: &impl Store) {
    a_scan_returns_every_record(store).await;
}

/// Everything that a bus must do for the subscriptions to this shard.
pub async fn bus(bus: &impl Bus, shard: Shard) {
    messages_reach_every_subscription(bus, shard).await;
    a_fence_covers_what_was_published_before(bus, shard).await;
    messages_may_be_anything(bus, shard).await;
    a_dropped_subscription_leaves_the_others(bus, shard).await;
}
