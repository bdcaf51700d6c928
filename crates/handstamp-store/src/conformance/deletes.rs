use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::support::*;
use crate::{CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Store, TombstoneOutcome, TouchOutcome};

/// A record is deleted whatever its revision, and stays deleted.
pub async fn deleting_is_final(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(delete(store, &first).await, DeleteOutcome::Deleted);
    assert_eq!(loaded(store, &first).await, None);
    assert_eq!(delete(store, &first).await, DeleteOutcome::Gone);
    let never = record();
    assert_eq!(delete(store, &never).await, DeleteOutcome::Absent);
    assert_eq!(found(store, &never).await, None, "a delete writes nothing where nothing is");
}

/// The tombstone of a deleted record stays for its time to live, and cannot be replaced.
pub async fn deleting_leaves_a_tombstone(store: &impl Store) {
    let deleted = created(store, LONG).await;
    let tombstone = ended(&deleted);
    let outcome = store.delete(&tombstone, MEDIUM, DeleteScope::All, invalidation("deleted")).await;
    assert_eq!(outcome.expect("delete"), DeleteOutcome::Deleted);
    let stored = found(store, &deleted).await.expect("a tombstone");
    assert_eq!(stored.entry, tombstone);
    assert!(stored.remaining.is_some_and(|left| left <= MEDIUM), "{:?}", stored.remaining);
    assert_eq!(store.create(&deleted, LONG).await.expect("create"), CreateOutcome::Exists);
    assert_eq!(store.touch(deleted.key(), LONG).await.expect("touch"), TouchOutcome::Gone);
    let remaining = found(store, &deleted).await.expect("a tombstone").remaining;
    assert!(remaining.is_some_and(|left| left <= MEDIUM), "its time to live is unchanged: {remaining:?}");
}

/// A call that is repeated after a lost reply returns the success of the first one.
pub async fn deleting_can_be_repeated(store: &impl Store) {
    let deleted = created(store, LONG).await;
    let mine = ended(&deleted);
    for _ in 0..2 {
        assert_eq!(delete_with(store, &mine, DeleteScope::All).await, DeleteOutcome::Deleted);
    }
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Gone);
}

/// A delete can leave records that name a predecessor, and no others.
pub async fn deleting_can_leave_records_with_a_predecessor(store: &impl Store) {
    let first = created(store, LONG).await;
    assert_eq!(
        delete_with(store, &ended(&first), DeleteScope::WithoutPredecessor).await,
        DeleteOutcome::Deleted
    );
    let second = successor();
    assert_eq!(store.create(&second, LONG).await.expect("create"), CreateOutcome::Created);
    let outcome = delete_with(store, &ended(&second), DeleteScope::WithoutPredecessor).await;
    assert_eq!(outcome, DeleteOutcome::OutOfScope(second.clone()));
    assert_eq!(loaded(store, &second).await.map(|stored| stored.entry), Some(second.clone()));
    assert_eq!(delete(store, &second).await, DeleteOutcome::Deleted);
}

/// A record is replaced with a tombstone if it has the expected revision.
pub async fn a_tombstone_replaces_the_expected_revision_only(store: &impl Store) {
    let first = created(store, LONG).await;
    let second = changed(&first, "second");
    assert_eq!(save(store, &second, first.revision()).await, SaveOutcome::Saved);
    assert_eq!(replace_with_tombstone(store, &first, &moved(&first)).await, TombstoneOutcome::Conflict);
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second.clone()));
    assert_eq!(replace_with_tombstone(store, &second, &moved(&second)).await, TombstoneOutcome::Replaced);
    assert_eq!(loaded(store, &first).await, None);
    let never = record();
    assert_eq!(replace_with_tombstone(store, &never, &moved(&never)).await, TombstoneOutcome::Gone);
}

/// A call that is repeated after a lost reply returns the success of the first one; no other call does.
pub async fn replacing_with_a_tombstone_can_be_repeated(store: &impl Store) {
    let replaced = created(store, LONG).await;
    let mine = moved(&replaced);
    assert_eq!(replace_with_tombstone(store, &replaced, &mine).await, TombstoneOutcome::Replaced);
    assert_eq!(replace_with_tombstone(store, &replaced, &mine).await, TombstoneOutcome::Replaced);
    assert_eq!(replace_with_tombstone(store, &replaced, &moved(&replaced)).await, TombstoneOutcome::Moved);
    let deleted = created(store, LONG).await;
    assert_eq!(delete(store, &deleted).await, DeleteOutcome::Deleted);
    assert_eq!(replace_with_tombstone(store, &deleted, &moved(&deleted)).await, TombstoneOutcome::Gone);
}

/// Every call reports that the session has moved, and none replaces its tombstone.
pub async fn replacing_with_a_tombstone_is_final(store: &impl Store) {
    let replaced = created(store, LONG).await;
    let mine = moved(&replaced);
    assert_eq!(replace_with_tombstone(store, &replaced, &mine).await, TombstoneOutcome::Replaced);
    assert_eq!(save(store, &changed(&replaced, "x"), replaced.revision()).await, SaveOutcome::Moved);
    assert_eq!(store.touch(replaced.key(), LONG).await.expect("touch"), TouchOutcome::Moved);
    assert_eq!(store.create(&replaced, LONG).await.expect("create"), CreateOutcome::Exists);
    for scope in [DeleteScope::All, DeleteScope::WithoutPredecessor] {
        let outcome = delete_with(store, &ended(&replaced), scope).await;
        assert_eq!(outcome, DeleteOutcome::Moved(mine.clone()));
    }
    assert_eq!(found(store, &replaced).await.map(|stored| stored.entry), Some(mine));
}

/// `keep_tombstone` sets the time to live of its own tombstone, and of nothing else.
pub async fn tombstones_can_be_shortened(store: &impl Store) {
    let replaced = created(store, LONG).await;
    let mine = moved(&replaced);
    store.keep_tombstone(&mine, SHORT).await.expect("keep");
    assert!(loaded(store, &replaced).await.is_some(), "this was no tombstone, so nothing changed");
    assert_eq!(replace_with_tombstone(store, &replaced, &mine).await, TombstoneOutcome::Replaced);
    store.keep_tombstone(&moved(&replaced), SHORT).await.expect("keep");
    store.keep_tombstone(&mine, MEDIUM).await.expect("keep");
    let remaining = found(store, &replaced).await.expect("a tombstone").remaining;
    assert!(remaining.is_some_and(|left| left <= MEDIUM && left > SHORT), "{remaining:?}");
    store.keep_tombstone(&mine, SHORT).await.expect("keep");
    let gone = async {
        while found(store, &replaced).await.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the tombstone was there after its time to live");
    store.keep_tombstone(&mine, LONG).await.expect("keep");
    assert_eq!(found(store, &replaced).await, None, "it does not come back");
}

/// Writes that are in flight while a record is deleted do not bring it back.
pub async fn concurrent_writes_do_not_undo_a_delete(store: &impl Store) {
    for _ in 0..20 {
        let first = created(store, LONG).await;
        let writes = join_all((0..10).map(|_| async {
            let _ = save(store, &changed(&first, "later"), first.revision()).await;
            let _ = store.touch(first.key(), LONG).await.expect("touch");
        }));
        let (_, deleted) = tokio::join!(writes, delete(store, &first));
        assert_eq!(deleted, DeleteOutcome::Deleted);
        assert_eq!(loaded(store, &first).await, None);
    }
}
