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

/// After another server has taken over, the session is over on this node at once, and soon in the store.
async fn is_ended_again(cluster: &Cluster, node: &TestNode, record: &Record) {
    take_over(cluster, node, record).await;
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Absent);
    until("it is ended", async || cluster.store.load(&record.key).await.unwrap().is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_logged_out_is_logged_out_again() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.delete(&record).await.unwrap());
    is_ended_again(&cluster, &node, &record).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_moved_to_a_new_id_is_ended_again() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let retired = node.clustered.writes().retire(&record.key, record.revision, mark(), MAX_STALENESS).await;
    assert_eq!(retired.unwrap(), RetireOutcome::Retired);
    sleep(MAX_STALENESS).await;
    is_ended_again(&cluster, &node, &record).await;
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
    assert_eq!(
        node.read(&record.key).await.unwrap(),
        found("first"),
        "it was deleted so long ago that the record must be from elsewhere"
    );
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
    is_ended_again(&cluster, &node, &record).await;
}

/// K8.2: the primary carried it out, and its reply was lost. Asked again, it has no such session.
#[tokio::test(start_paused = true)]
async fn k8_2_a_logout_whose_first_reply_was_lost_is_repeated_too() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.lose_answers(1);
    assert!(!node.delete(&record).await.unwrap());
    is_ended_again(&cluster, &node, &record).await;
}

/// The session was logged out on another node just before. This node has acknowledged a logout of it, too, and keeps to that.
#[tokio::test(start_paused = true)]
async fn what_another_node_has_ended_is_over_here_too_after_a_failover() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert!(one.delete(&record).await.unwrap());
    until("two knows", async || two.read(&record.key).await.unwrap() == Lookup::Absent).await;
    assert!(!two.delete(&record).await.unwrap());
    is_ended_again(&cluster, &two, &record).await;
}

/// K8.2: with more logouts after it than an outage may leave unacknowledged.
#[tokio::test(start_paused = true)]
async fn k8_2_after_many_logouts_each_is_repeated() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.delete(&record).await.unwrap());
    for _ in 0..20_000 {
        let other = node.create().await;
        assert!(node.delete(&other).await.unwrap());
    }
    is_ended_again(&cluster, &node, &record).await;
}
