//! A replica that takes over may not have received a delete.

use std::time::Duration;

use bytes::Bytes;
use handstamp_core::record::Record;
use handstamp_store::{Lookup, NodeSettings, TombstoneOutcome};
use handstamp_testkit::until;
use tokio::time::sleep;

use crate::support::{
    Cluster, MAX_STALENESS, TestNode, end_in, found, is_in, moved, put, record, sealed, take_over,
};

/// After a failover, this node does not serve the session, and the store soon has not got it either.
async fn is_ended_again(cluster: &Cluster, node: &TestNode, record: &Record) {
    is_over_again(cluster, node, record, Lookup::Ended).await;
}

async fn is_over_again(cluster: &Cluster, node: &TestNode, record: &Record, expected: Lookup<Bytes>) {
    take_over(cluster, node, &sealed(record)).await;
    assert_eq!(node.read(&record.key).await.unwrap(), expected);
    until("it is ended", async || !is_in(&cluster.store, record).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_logout_is_repeated_after_a_failover() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.end(&record).await.unwrap());
    is_ended_again(&cluster, &node, &record).await;
}

#[tokio::test(start_paused = true)]
async fn a_former_id_is_deleted_again_after_a_failover() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let tombstone = moved(&record, crate::support::record().key);
    let replaced =
        node.clustered.writes().replace_with_tombstone(&tombstone, record.revision, MAX_STALENESS).await;
    assert_eq!(replaced.unwrap(), TombstoneOutcome::Replaced);
    sleep(MAX_STALENESS).await;
    is_over_again(&cluster, &node, &record, Lookup::Moved).await;
}

#[tokio::test(start_paused = true)]
async fn an_old_logout_is_not_repeated() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.end(&record).await.unwrap());
    sleep(Duration::from_secs(60)).await;
    take_over(&cluster, &node, &sealed(&record)).await;
    sleep(MAX_STALENESS).await;
    assert_eq!(
        node.read(&record.key).await.unwrap(),
        found("first"),
        "it was deleted so long ago that the record must be from elsewhere"
    );
}

/// K8.2, S93: one client with one dead cookie.
#[tokio::test(start_paused = true)]
async fn k8_2_a_flood_of_logouts_displaces_no_other_delete() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let (record, dead) = (node.create().await, node.create().await);
    assert!(node.end(&record).await.unwrap());
    assert!(node.end(&dead).await.unwrap());
    for _ in 0..100_000 {
        assert!(!node.end(&dead).await.unwrap());
    }
    is_ended_again(&cluster, &node, &record).await;
}

/// K8.2: the primary carried it out, and its reply was lost. The repeated delete finds the tombstone.
#[tokio::test(start_paused = true)]
async fn k8_2_a_logout_whose_first_reply_was_lost_is_repeated() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.lose_replies(1);
    assert!(node.end(&record).await.unwrap());
    is_ended_again(&cluster, &node, &record).await;
}

/// The session was ended on another node just before. This node has confirmed a logout, too, and repeats it.
#[tokio::test(start_paused = true)]
async fn a_logout_of_an_already_ended_session_is_repeated_after_a_failover() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert!(one.end(&record).await.unwrap());
    until("two has received it", async || two.read(&record.key).await.unwrap() == Lookup::Ended).await;
    assert!(!two.end(&record).await.unwrap());
    is_ended_again(&cluster, &two, &record).await;
}

/// K8.2: with more logouts after it than may be unconfirmed in an outage.
#[tokio::test(start_paused = true)]
async fn k8_2_each_of_many_logouts_is_repeated() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.end(&record).await.unwrap());
    for _ in 0..20_000 {
        let other = node.create().await;
        assert!(node.end(&other).await.unwrap());
    }
    is_ended_again(&cluster, &node, &record).await;
}

/// As in a cluster in which one slot has no server.
#[tokio::test(start_paused = true)]
async fn deletes_that_always_fail_do_not_block_others() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let ended = node.create().await;
    // Many more than are sent at the same time.
    let failing: Vec<_> = (0..1_000).map(|_| record().key).collect();
    node.faults.fail_deletes_of(failing.iter().copied().chain([ended.key]));
    for key in &failing {
        assert!(node.clustered.writes().end(key).await.is_err());
    }
    assert!(node.end(&ended).await.is_err());
    node.faults.fail_deletes_of(failing);
    until("it is ended", async || cluster.store.is_empty()).await;
}

/// A server stalls for longer than deletes are remembered, and then carries out what it has received.
#[tokio::test(start_paused = true)]
async fn a_logout_that_is_confirmed_late_is_remembered_from_then_on() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.fail();
    assert!(node.end(&record).await.is_err());
    sleep(Duration::from_secs(40)).await;
    end_in(&cluster.store, &record).await;
    let calls = node.faults.calls();
    node.faults.work();
    until("the delete is repeated", async || node.faults.calls() > calls).await;
    is_ended_again(&cluster, &node, &record).await;
}

/// One server takes over, and deletes the session again without a reply. Then another one takes over.
#[tokio::test(start_paused = true)]
async fn a_repeated_delete_without_a_reply_is_remembered_from_then_on() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.end(&record).await.unwrap());
    sleep(Duration::from_secs(20)).await;
    node.faults.lose_replies(1);
    is_ended_again(&cluster, &node, &record).await;
    sleep(Duration::from_secs(20)).await;
    is_ended_again(&cluster, &node, &record).await;
}

/// K8.2, S93: a client with any number of dead cookies during an outage.
#[tokio::test(start_paused = true)]
async fn k8_2_a_flood_of_logouts_in_an_outage_leaves_room_for_others() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let ended = node.create().await;
    node.faults.fail();
    for _ in 0..70_000 {
        assert!(node.clustered.writes().end(&record().key).await.is_err());
    }
    assert!(node.end(&ended).await.is_err());
    node.faults.work();
    assert_eq!(node.read(&ended.key).await.unwrap(), Lookup::Ended);
    until("it is ended", async || cluster.store.is_empty()).await;
}

/// Another server has taken over, and subscriptions to it fail while commands reach it.
#[tokio::test(start_paused = true)]
async fn a_logout_is_repeated_without_a_subscription() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.end(&record).await.unwrap());
    node.faults.fail();
    node.bus_faults.reject();
    until("the node has no subscription", async || !node.clustered.is_subscribed()).await;
    put(&cluster.store, &sealed(&record)).await;
    node.faults.work();
    until("it is ended", async || cluster.store.is_empty()).await;
}

/// A confirmed delete does not count once another server may have taken over.
#[tokio::test(start_paused = true)]
async fn without_a_subscription_a_second_logout_is_sent() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.end(&record).await.unwrap());
    node.bus_faults.reject();
    until("the node has no subscription", async || !node.clustered.is_subscribed()).await;
    sleep(MAX_STALENESS).await;
    put(&cluster.store, &sealed(&record)).await;
    assert!(node.end(&record).await.unwrap());
    assert!(cluster.store.is_empty());
}

/// There was no logout before.
#[tokio::test(start_paused = true)]
async fn a_logout_with_a_former_id_is_sent() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = [node.create().await, node.create().await];
    assert_eq!(node.replace_with_tombstone(&before, &after).await.unwrap(), TombstoneOutcome::Replaced);
    let calls = node.faults.calls();
    assert!(node.end(&before).await.unwrap());
    assert_eq!(node.faults.calls(), calls + 2, "one for each id");
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_the_former_server_confirms_late_is_sent_to_the_new_one() {
    let cluster = Cluster::new();
    let patient = NodeSettings::default().with_save_budget(Duration::from_secs(600));
    let node = cluster.node_with("one", patient).await;
    let record = node.create().await;
    let mut held = node.faults.hold_next_delete();
    let (deleted, ()) = tokio::join!(node.end(&record), async {
        held.reached().await;
        take_over(&cluster, &node, &sealed(&record)).await;
        held.release();
    });
    assert!(deleted.unwrap());
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Ended);
    until("it is ended", async || cluster.store.is_empty()).await;
}
