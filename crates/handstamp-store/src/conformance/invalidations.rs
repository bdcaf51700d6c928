use super::support::*;
use crate::{Bus, DeleteOutcome, DeleteScope, SaveOutcome, Store, Subscription, TombstoneOutcome};

/// Every change publishes its invalidation, and a fence on the subscription to the shard covers it.
pub async fn writes_publish_their_invalidation(store: &impl Store, bus: &impl Bus) {
    let first = created(store, LONG).await;
    let mut subscription = subscribed(bus, store.shard_of(first.key())).await;
    let second = changed(&first, "second");
    let [saved, deleted, replaced] = [unique(), unique(), unique()];

    let outcome = store.save(&second, first.revision(), LONG, saved.clone()).await.expect("save");
    assert_eq!(outcome, SaveOutcome::Saved);
    assert_fence_covers(&mut subscription, &saved).await;
    assert_eq!(loaded(store, &first).await.map(|stored| stored.entry), Some(second));

    let outcome = store.delete(&ended(&first), LONG, DeleteScope::WithoutPredecessor, deleted.clone()).await;
    assert_eq!(outcome.expect("delete"), DeleteOutcome::Deleted);
    assert_fence_covers(&mut subscription, &deleted).await;

    let third = created(store, LONG).await;
    let mut subscription = subscribed(bus, store.shard_of(third.key())).await;
    let tombstone = moved(&third);
    let outcome = store.replace_with_tombstone(&tombstone, third.revision(), LONG, replaced.clone());
    assert_eq!(outcome.await.expect("replace"), TombstoneOutcome::Replaced);
    assert_fence_covers(&mut subscription, &replaced).await;
}

/// A step that changes nothing publishes nothing.
pub async fn a_step_without_effect_publishes_nothing(store: &impl Store, bus: &impl Bus) {
    let first = created(store, LONG).await;
    let second = created(store, LONG).await;
    assert_eq!(delete(store, &second).await, DeleteOutcome::Deleted);
    let mut subscription = subscribed(bus, store.shard_of(first.key())).await;
    let stale = changed(&first, "stale");
    let unexpected = unique();
    let save = store.save(
        &stale,
        stale.revision().next(handstamp_core::time::Timestamp::from_millis(1)),
        LONG,
        unexpected.clone(),
    );
    assert_eq!(save.await.expect("save"), SaveOutcome::Conflict);
    let tombstone = moved(&first);
    let replace = store.replace_with_tombstone(&tombstone, stale.revision(), LONG, unexpected.clone());
    assert_eq!(replace.await.expect("replace"), TombstoneOutcome::Conflict);
    let _ = store.touch(first.key(), LONG).await.expect("touch");
    for (record, outcome) in [(record(), DeleteOutcome::Absent), (second, DeleteOutcome::Gone)] {
        let tombstone = ended(&record);
        let delete = store.delete(&tombstone, LONG, DeleteScope::All, unexpected.clone());
        assert_eq!(delete.await.expect("delete"), outcome);
    }
    subscription.fence().await.expect("fence");
    while let Some(message) = subscription.try_next() {
        assert_ne!(
            message.expect("message").message(),
            Some(&unexpected),
            "a write without effect was published"
        );
    }
}
