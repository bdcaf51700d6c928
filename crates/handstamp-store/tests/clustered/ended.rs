//! A replica that takes its primary's place may not have heard that a session was ended.

use std::time::Duration;

use handstamp_core::record::Record;
use handstamp_store::{CreateOutcome, Lookup, RetireOutcome, Store};
use handstamp_testkit::until;
use tokio::time::sleep;

use crate::support::{Cluster, MAX_STALENESS, TTL, TestNode, found, mark};

/// As if another server had taken over that still had the record.
async fn take_over(cluster: &Cluster, node: &TestNode, record: &Record) {
    node.ears.close();
    until("the node notices", async || !node.clustered.running()).await;
    assert_eq!(cluster.store.create(record, TTL).await.unwrap(), CreateOutcome::Created);
    node.ears.open();
    until("the node listens again", async || node.clustered.running()).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_logged_out_is_logged_out_again() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.delete(&record).await.unwrap());
    take_over(&cluster, &node, &record).await;
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Absent, "on this node it is over at once");
    until("it is ended", async || cluster.store.load(&record.key).await.unwrap().is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_moved_to_a_new_id_is_ended_again() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let retired = node.clustered.writes().retire(&record.key, record.revision, mark(), MAX_STALENESS).await;
    assert_eq!(retired.unwrap(), RetireOutcome::Retired);
    sleep(MAX_STALENESS).await;
    take_over(&cluster, &node, &record).await;
    until("it is ended", async || cluster.store.load(&record.key).await.unwrap().is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_ended_long_ago_is_left_alone() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.delete(&record).await.unwrap());
    sleep(Duration::from_secs(60)).await;
    take_over(&cluster, &node, &record).await;
    sleep(MAX_STALENESS).await;
    assert_eq!(node.read(&record.key).await.unwrap(), found("first"), "that is another's affair");
}

/// K8.2, S93: one client with one dead cookie.
#[tokio::test(start_paused = true)]
async fn k8_2_a_flood_of_logouts_displaces_no_other() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let (record, dead) = (node.create().await, node.create().await);
    assert!(node.delete(&record).await.unwrap());
    assert!(node.delete(&dead).await.unwrap());
    for _ in 0..100_000 {
        assert!(!node.delete(&dead).await.unwrap());
    }
    take_over(&cluster, &node, &record).await;
    until("it is ended", async || cluster.store.load(&record.key).await.unwrap().is_none()).await;
}
