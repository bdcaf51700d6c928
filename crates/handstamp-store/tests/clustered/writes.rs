//! Writes, and lost replies.

use std::time::Duration;

use handstamp_core::record::Record;
use handstamp_store::{
    Lookup, NodeSettings, Records, SaveOutcome, StoreError, TombstoneOutcome, TouchOutcome,
};
use handstamp_testkit::until;
use tokio::time::{Instant, sleep};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_no_more_than_the_budget() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    node.faults.hang();
    let settings = NodeSettings::default();

    let started = Instant::now();
    assert!(matches!(node.load(&first.key).await, Err(StoreError::TimedOut)));
    assert_eq!(started.elapsed(), settings.load_budget);

    let started = Instant::now();
    let writes = node.clustered.writes();
    let second = changed(&first, "second");
    let value = entry(&second);
    let saved = writes.save(&second, first.revision, TTL, value).await;
    assert!(matches!(saved, Err(StoreError::TimedOut)));
    assert!(writes.deadline_passed());
    let replaced = writes.replace_with_tombstone(&moved(&first, record().key), first.revision, TTL).await;
    assert!(matches!(replaced, Err(StoreError::TimedOut)), "the budget is for all writes together");
    assert_eq!(started.elapsed(), settings.save_budget);
}

#[tokio::test(start_paused = true)]
async fn a_write_of_unknown_outcome_leaves_nothing_in_the_cache() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    node.faults.fail();
    assert!(node.save(&changed(&first, "second"), first.revision).await.is_err());
    assert_eq!(node.lookup(&first.key), None);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_failed_logout_is_not_served_and_ended_later() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    one.faults.fail();
    assert!(one.end(&record).await.is_err());
    one.faults.work();
    assert_eq!(one.read(&record.key).await.unwrap(), Lookup::Ended);
    let later = changed(&record, "later");
    assert_eq!(one.save(&later, record.revision).await.unwrap(), SaveOutcome::Gone);
    assert_eq!(one.clustered.writes().touch(&record.key, TTL).await.unwrap(), TouchOutcome::Gone);
    until("the store has the delete", async || !is_in(&cluster.store, &record).await).await;
    until("two has received it", async || two.read(&record.key).await.unwrap() == Lookup::Ended).await;
}

#[tokio::test(start_paused = true)]
async fn moving_a_session_drops_its_copy() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    let tombstone = moved(&first, record().key);
    let replace = |revision| node.clustered.writes().replace_with_tombstone(&tombstone, revision, TTL);
    assert_eq!(
        replace(first.revision.next(handstamp_core::time::Timestamp::from_millis(1))).await.unwrap(),
        TombstoneOutcome::Conflict
    );
    assert_eq!(node.read(&first.key).await.unwrap(), found("first"));
    assert_eq!(replace(first.revision).await.unwrap(), TombstoneOutcome::Replaced);
    assert_eq!(node.read(&first.key).await.unwrap(), Lookup::Moved);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_pending_delete_cannot_be_moved() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.fail();
    assert!(node.end(&record).await.is_err());
    node.faults.work();
    let other = node.create().await;
    assert_eq!(node.replace_with_tombstone(&record, &other).await.unwrap(), TombstoneOutcome::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_reply_was_lost_is_retried() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    node.faults.lose_replies(1);
    let first = node.create().await;
    let second = changed(&first, "second");
    node.faults.lose_replies(1);
    assert_eq!(node.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(node.lookup(&first.key), Some(found("second")));
    let other = node.create().await;
    node.faults.lose_replies(1);
    assert_eq!(node.replace_with_tombstone(&second, &other).await.unwrap(), TombstoneOutcome::Replaced);
}

/// The save was carried out, and another request has saved the record since: to save it again would apply it twice.
#[tokio::test(start_paused = true)]
async fn a_save_whose_reply_was_lost_does_not_count_as_not_done() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    let (second, third) = (changed(&first, "second"), changed(&first, "third"));
    one.faults.delay(Duration::from_millis(20));
    one.faults.lose_replies(1);
    let save = one.save(&second, first.revision);
    let overtaken = async {
        until("it is carried out", async || {
            cluster.store.load(&first.key).await.unwrap().unwrap().entry.revision() == second.revision
        })
        .await;
        let third = Record {
            revision: second.revision.next(handstamp_core::time::Timestamp::from_millis(1)),
            ..third
        };
        assert_eq!(two.save(&third, second.revision).await.unwrap(), SaveOutcome::Saved);
    };
    let (saved, ()) = tokio::join!(save, overtaken);
    assert!(matches!(saved, Err(StoreError::Unavailable(_))), "{saved:?}");
}

/// No browser knows its id, so the delete need not be remembered.
#[tokio::test(start_paused = true)]
async fn an_undone_create_leaves_no_pending_delete() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = record();
    node.faults.fail();
    let value = entry(&record);
    assert!(node.clustered.writes().create(&record, TTL, value).await.is_err());
    node.clustered.writes().undo_create(&record.key).await;
    let calls = node.faults.calls();
    node.faults.work();
    sleep(MAX_STALENESS * 2).await;
    assert!(node.clustered.is_healthy());
    assert_eq!(node.faults.calls(), calls);
}

/// K8.3, F13: the logout of a dead cookie.
#[tokio::test(start_paused = true)]
async fn k8_3_a_delete_of_an_absent_session_is_not_published() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert!(one.end(&record).await.unwrap());
    until("two has received it", async || two.clustered.bus_stats().received == 1).await;
    let calls = [&one, &two].map(|node| node.faults.calls());
    for _ in 0..1_000 {
        assert!(!one.end(&record).await.unwrap());
        assert!(!two.end(&record).await.unwrap());
    }
    assert_eq!([&one, &two].map(|node| node.faults.calls()), [calls[0], calls[1] + 1]);
    sleep(MAX_STALENESS).await;
    assert_eq!(two.clustered.bus_stats().received, 1);
}

/// The record was removed by hand. Other nodes may have a copy, too.
#[tokio::test(start_paused = true)]
async fn a_delete_of_a_cached_session_that_was_removed_by_hand_is_published() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    cluster.store.forget(&record.key);
    assert!(!one.end(&record).await.unwrap());
    until("two has received it", async || two.read(&record.key).await.unwrap() == Lookup::Absent).await;
}
