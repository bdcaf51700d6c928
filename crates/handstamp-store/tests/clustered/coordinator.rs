//! What a node hears of the others, and what it does when it hears nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::time::Timestamp;
use handstamp_store::{Bus, Clock, ClusteredStore, Lookup, Settings, Shard, Store, StoreError, SystemClock};
use handstamp_testkit::{FaultyStore, until};
use tokio::time::{Instant, sleep};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn without_messages_a_node_goes_on_for_max_staleness_at_most() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    two.ears.close();
    assert!(one.delete(&record).await.unwrap());
    let ended = Instant::now();
    while two.read(&record.key).await.unwrap() == found("first") {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(ended.elapsed() <= MAX_STALENESS, "served for {:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_cached_before_a_gap_is_not_served_after_it() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    two.ears.close();
    until("two notices", async || !two.clustered.running()).await;
    // Straight in the store, without a message: what is lost in a gap.
    assert!(cluster.store.delete(&record.key, Bytes::new()).await.unwrap());
    two.ears.open();
    until("two listens again", async || two.clustered.running()).await;
    assert_eq!(two.clustered.size(), 0);
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn a_fill_from_before_the_subscription_was_live_is_not_believed() {
    let cluster = Cluster::new();
    let patient = Settings { load_budget: Duration::from_secs(60), ..Settings::default() };
    let (one, two) = (cluster.node("one").await, cluster.node_with("two", patient).await);
    let record = one.create().await;
    two.ears.close();
    until("two notices", async || !two.clustered.running()).await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.load(&record.key), async {
        held.reached().await;
        // Straight in the store, without a message: what is lost in a gap.
        assert!(cluster.store.delete(&record.key, Bytes::new()).await.unwrap());
        two.ears.open();
        until("two listens again", async || two.clustered.running()).await;
        held.release();
    });
    assert_eq!(read.unwrap(), Lookup::Absent, "the store was asked again");
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_store_does_not_answer_reads_through() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
    node.faults.fail();
    sleep(MAX_STALENESS).await;
    assert!(!node.clustered.healthy());
    assert_eq!(node.lookup(&record.key), None);
    assert!(matches!(node.load(&record.key).await, Err(StoreError::Unavailable(_))));
    node.faults.work();
    until("the store is back", async || node.clustered.healthy()).await;
    assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
}

/// It may listen to one server and write to another.
#[tokio::test(start_paused = true)]
async fn a_node_that_begins_while_the_store_does_not_answer_reads_through() {
    let cluster = Cluster::new();
    let (store, faults) = FaultyStore::new(cluster.store.clone());
    faults.fail();
    let node = cluster.node_on(store, faults, "one", Settings::default());
    until("it listens", async || node.clustered.running()).await;
    node.faults.work();
    let record = node.create().await;
    assert_eq!(node.lookup(&record.key), None);
    until("the store answers", async || node.lookup(&record.key) == Some(found("first"))).await;
}

#[tokio::test]
async fn clearing_reaches_every_node() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    two.read(&record.key).await.unwrap();
    two.clustered.publish_cache_clear().await.unwrap();
    assert_eq!(two.clustered.size(), 0);
    until("one hears of it", async || one.clustered.size() == 0).await;
    assert_eq!(one.read(&record.key).await.unwrap(), found("first"), "the session is as it was");
}

#[tokio::test]
async fn one_session_can_be_forgotten_on_every_node() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let (forgotten, kept) = (one.create().await, one.create().await);
    one.clustered.evict(&forgotten.key);
    assert_eq!((one.lookup(&forgotten.key), one.lookup(&kept.key)), (None, Some(found("first"))));
    one.read(&forgotten.key).await.unwrap();
    two.clustered.publish_invalidation(&forgotten.key).await.unwrap();
    until("one hears of it", async || one.lookup(&forgotten.key).is_none()).await;
    assert_eq!(one.lookup(&kept.key), Some(found("first")));
}

#[tokio::test]
async fn what_is_not_ours_is_counted_and_ignored() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let mut forged =
        messenger("two", SECRET).write(&Invalidation::CacheClear, Timestamp::from_millis(0)).to_vec();
    forged[10] ^= 1;
    for message in [Bytes::new(), "clear".into(), Bytes::from(vec![1; 10_000_000]), forged.into()] {
        cluster.bus.publish(Shard::ONLY, message).await.unwrap();
    }
    until("all are refused", async || node.clustered.bus_stats().refused == 4).await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
}

/// In the middle of a key rotation another node may sign with a key that this one does not have yet.
#[tokio::test(start_paused = true)]
async fn what_may_be_ours_clears_the_cache_but_only_so_often() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let stranger = messenger("two", "another-secret-of-more-than-thirty-two-characters");
    let message = stranger.write(&Invalidation::CacheClear, Timestamp::from_millis(0));
    node.create().await;
    let clears = node.clustered.bus_stats().clears;
    for _ in 0..100 {
        cluster.bus.publish(Shard::ONLY, message.clone()).await.unwrap();
    }
    until("all are refused", async || node.clustered.bus_stats().refused == 100).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 1);
    assert_eq!(node.clustered.size(), 0);
    let record = node.create().await;
    sleep(Duration::from_millis(1_001)).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 2, "those that had to wait are one");
    assert_eq!(node.lookup(&record.key), None);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 2);
}

#[tokio::test]
async fn after_a_shutdown_nothing_is_served_from_the_cache() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.shutdown().await;
    assert!(!node.clustered.running());
    assert_eq!(node.lookup(&record.key), None);
    node.clustered.shutdown().await;
}

#[tokio::test]
async fn dropping_a_node_ends_its_task() {
    let cluster = Cluster::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = ClusteredStore::start(
        cluster.store.clone(),
        cluster.bus.clone(),
        messenger("one", SECRET),
        clock.clone(),
        Settings::default(),
    );
    node.settled().await;
    drop(node);
    until("nobody holds the clock", async || Arc::strong_count(&clock) == 1).await;
}
