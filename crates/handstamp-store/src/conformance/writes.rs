use futures_util::future::join_all;
use tokio::time::Instant;

use super::support::*;
use crate::{Bytes, CreateOutcome, DeleteOutcome, SaveOutcome, Store, TouchOutcome};

/// A load returns what was created, with its remaining time to live.
pub async fn a_record_is_loaded_as_it_was_created(store: &impl Store) {
    let absent = record();
    assert_eq!(loaded(store, &absent).await, None);
    let record = created(store, LONG).await;
    let stored = loaded(store, &record).await.expect("the record is there");
    assert_eq!(stored.entry, record);
    let remaining = stored.remaining.expect("it has a time to live");
    assert!(remaining <= LONG && remaining > LONG / 2, "{remaining:?}");
}

/// A record expires after its time to live.
pub async fn a_record_lives_as_long_as_it_was_given(store: &impl Store) {
    let begun = Instant::now();
    let record = created(store, SHORT).await;
    let early = loaded(store, &record).await;
    assert!(early.is_some() || begun.elapsed() >= SHORT);
    until_gone(store, &record).await;
    let later = changed(&record, "later");
    assert_eq!(save(store, &later, record.revision()).await, SaveOutcome::Gone);
    assert_eq!(store.touch(record.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    assert_eq!(loaded(store, &record).await, None);
}

/// A create does not change a key that exists.
pub async fn creating_never_overwrites(store: &impl Store) {
    let first = created(store, LONG).await;
    let other = changed(&first, "other");
    assert_eq!(store.create(&other, LONG).await.expect("create"), CreateOutcome::Exists);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(first));
}

/// A call that is repeated after a lost reply returns the success of the first one.
pub async fn creating_can_be_repeated(store: &impl Store) {
    let record = created(store, LONG).await;
    assert_eq!(store.create(&record, LONG).await.expect("create"), CreateOutcome::Created);
}

/// A save is a compare-and-set.
pub async fn saving_replaces_the_expected_revision_only(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    let stale = changed(&first, "stale");
    assert_eq!(save(store, &stale, first.revision()).await, SaveOutcome::Conflict);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second));
}

/// A call that is repeated after a lost reply returns the success of the first one.
pub async fn saving_can_be_repeated(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second));
}

/// Neither an absent nor a deleted record comes into being.
pub async fn saving_never_creates(store: &impl Store) {
    let never = record();
    assert_eq!(save(store, &changed(&never, "x"), never.revision()).await, SaveOutcome::Gone);
    assert_eq!(loaded(store, &never).await, None);
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    assert_eq!(save(store, &changed(&deleted, "x"), deleted.revision()).await, SaveOutcome::Gone);
    assert_eq!(loaded(store, &deleted).await, None);
}

/// A save sets the time to live.
pub async fn a_save_sets_the_time_to_live_again(store: &impl Store) {
    let first = created(store, MEDIUM).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    let remaining = loaded(store, &first).await.expect("the record is there").remaining;
    let remaining = remaining.expect("it has a time to live");
    assert!(remaining > MEDIUM && remaining <= LONG, "{remaining:?}");
}

/// Of concurrent saves that replace the same revision, one succeeds.
pub async fn of_many_concurrent_saves_one_succeeds(store: &impl Store) {
    let first = created(store, LONG).await;
    let saves = join_all((0..50).map(|_| async {
        let later = changed(&first, "later");
        (later.revision(), save(store, &later, first.revision()).await)
    }));
    let outcomes = saves.await;
    let saved: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == SaveOutcome::Saved).collect();
    assert_eq!(saved.len(), 1, "{} saves of one revision succeeded", saved.len());
    assert!(outcomes.iter().all(|(_, outcome)| *outcome != SaveOutcome::Gone));
    let stored = loaded(store, &first).await.expect("the record is there");
    assert_eq!(stored.entry.revision(), saved[0].0);
}

/// The last touch sets the time to live.
pub async fn touching_extends_and_shortens(store: &impl Store) {
    let record = created(store, MEDIUM).await;
    assert_eq!(store.touch(record.key(), LONG).await.expect("touch"), TouchOutcome::Touched);
    let stored = loaded(store, &record).await.expect("the record is there");
    assert!(stored.remaining.is_some_and(|remaining| remaining > MEDIUM), "{:?}", stored.remaining);
    assert_eq!(stored.entry, record, "only the time to live changes");
    assert_eq!(store.touch(record.key(), SHORT).await.expect("touch"), TouchOutcome::Touched);
    until_gone(store, &record).await;
}

/// Neither an absent nor a deleted record comes into being.
pub async fn touching_never_creates(store: &impl Store) {
    let never = record();
    assert_eq!(store.touch(never.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    assert_eq!(store.touch(deleted.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    assert_eq!(loaded(store, &deleted).await, None);
}

/// A payload may be empty, binary, and large.
pub async fn payloads_may_be_anything(store: &impl Store) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for payload in [Bytes::new(), Bytes::from_static(b"\r\n\0"), every_byte.into()] {
        let record = sealed(*record().key(), record().revision(), payload);
        assert_eq!(store.create(&record, LONG).await.expect("create"), CreateOutcome::Created);
        assert_eq!(loaded(store, &record).await.map(|stored| stored.entry), Some(record));
    }
}

/// A store that works passes the checks that nodes make.
pub async fn a_working_store_passes_its_checks(store: &impl Store) {
    let shards = store.shards().current();
    assert!(!shards.is_empty());
    for shard in shards {
        store.ping_primary(shard).await.expect("check");
        store.check_writes(shard).await.expect("check of writes");
        store.time(shard).await.expect("time");
    }
}
