//! Shards that are added and removed, and the status of a node.

use std::time::Duration;

use handstamp_store::{Lookup, NodeSettings, StoreError};
use handstamp_testkit::{Faults, until};
use tokio::time::{sleep, timeout};

use super::*;

#[tokio::test(start_paused = true)]
async fn sessions_of_a_removed_shard_are_not_served() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    cluster.layout.remove(SHARDS[0]);
    // Sooner than a fence would be too old.
    sleep(Duration::from_millis(1)).await;
    assert_eq!([0, 1].map(|shard| two.lookup(&records[shard].key)), [None, Some(found("first"))]);
    assert_eq!(two.outdated(&records[0].key, MAX_STALENESS), Some(found("first")), "a copy for an outage");
    let loads = two.faults[0].calls();
    for _ in 0..3 {
        assert_eq!(two.read(&records[0].key).await.unwrap(), found("first"), "as the store says");
    }
    assert_eq!(two.faults[0].calls(), loads + 3);

    cluster.layout.add(SHARDS[0]);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(two.lookup(&records[0].key), None, "there was no subscription meanwhile");
    assert_eq!(two.read(&records[0].key).await.unwrap(), found("first"));
    assert_eq!(two.lookup(&records[0].key), Some(found("first")));
    one.end(&records[0]).await.unwrap();
    until("two has received the delete", async || two.lookup(&records[0].key) != Some(found("first"))).await;
    assert_eq!(two.read(&records[0].key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_shards() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    let well = [true; 5];
    assert_eq!(node.status(&records), well);
    for (shard, of_sessions) in [(0, [false, true]), (1, [true, false])] {
        let [one, other] = of_sessions;
        node.faults[shard].fail();
        node.until_status(&records, [true, false, true, one, other]).await;
        node.bus_faults[shard].disconnect();
        node.until_status(&records, [false, false, true, one, other]).await;
        node.faults[shard].work();
        node.until_status(&records, [false, true, true, true, true]).await;
        // A shard that has left does not count.
        cluster.layout.remove(SHARDS[shard]);
        node.until_status(&records, well).await;
        cluster.layout.add(SHARDS[shard]);
        sleep(Duration::from_millis(1)).await;
        assert!(!node.clustered.is_subscribed(), "it is present again, without a subscription");
        node.bus_faults[shard].work();
        node.until_status(&records, well).await;
    }
    node.faults.iter().for_each(Faults::fail);
    node.until_status(&records, [true, false, false, false, false]).await;
}

#[tokio::test(start_paused = true)]
async fn without_any_shard_a_node_caches_nothing_and_is_not_healthy() {
    let cluster = ShardedCluster::new();
    SHARDS.into_iter().for_each(|shard| cluster.layout.remove(shard));
    let node = cluster.begin("one", NodeSettings::default());
    let records = [record_in(0, 0), record_in(1, 0)];
    assert!(timeout(MAX_STALENESS * 10, node.clustered.wait_until_ready()).await.is_err());
    assert_eq!(node.status(&records), [false; 5]);
    node.keep(records[0].clone()).await;
    assert_eq!(node.lookup(&records[0].key), None);
    assert_eq!(node.load(&records[0].key).await.unwrap(), found("first"), "as the store says");
    assert_eq!(node.lookup(&records[0].key), None);
    assert!(node.clustered.clear_all_caches().await.is_err(), "no shard received it");
    node.faults[0].fail();
    assert!(matches!(node.load(&records[0].key).await, Err(StoreError::Unavailable(_))));
    node.faults[0].work();
    SHARDS.into_iter().for_each(|shard| cluster.layout.add(shard));
    timeout(MAX_STALENESS, node.clustered.wait_until_ready()).await.expect("all have a subscription");
    assert_eq!(node.status(&records), [true; 5]);
    node.load(&records[0].key).await.unwrap();
    assert_eq!(node.lookup(&records[0].key), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn a_node_is_ready_when_every_shard_was_checked() {
    let cluster = ShardedCluster::new();
    for shard in [0, 1] {
        let node = cluster.begin("one", NodeSettings::default());
        node.bus_faults[shard].disconnect();
        assert!(
            timeout(MAX_STALENESS * 10, node.clustered.wait_until_ready()).await.is_err(),
            "one has no subscription"
        );
        node.bus_faults[shard].work();
        timeout(MAX_STALENESS * 10, node.clustered.wait_until_ready())
            .await
            .expect("all have a subscription");
        let node = cluster.begin("two", NodeSettings::default());
        node.faults[shard].fail();
        timeout(MAX_STALENESS, node.clustered.wait_until_ready()).await.expect("all have been checked");
        assert!(!node.clustered.is_healthy() && node.clustered.is_partly_healthy());
    }
}
