//! Sessions that move from one shard to another.

use futures_util::future::join_all;
use handstamp_core::record::Record;
use handstamp_store::{Lookup, Records, SaveOutcome};
use handstamp_testkit::until;
use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_cache_of_a_shard_that_lost_sessions_is_cleared() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    let neighbour = node.keep(record_in(0, 8)).await;
    let (clears, calls) = (node.clears(), node.faults[1].calls());
    cluster.layout.give(&records[0].key, SHARDS[1]);
    sleep(MAX_STALENESS).await;
    for gone in [&records[0], &neighbour] {
        assert_eq!(node.lookup(&gone.key), None);
    }
    assert_eq!(node.lookup(&records[1].key), Some(found("first")));
    assert_eq!(node.clustered.cached_sessions(), 1);
    assert_eq!(node.read(&neighbour.key).await.unwrap(), found("first"));
    sleep(MAX_STALENESS).await;
    assert_eq!(node.lookup(&neighbour.key), Some(found("first")), "the loss is reported once");
    assert_eq!(node.clears(), clears + 1);
    assert_eq!(node.faults[1].calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_fill_from_before_a_shard_lost_sessions_is_not_cached() {
    let cluster = ShardedCluster::new();
    let node = cluster.patient_node("one").await;
    let [moved, _] = node.create_two().await;
    node.clustered.clear_local_cache();
    let mut held = node.faults[0].hold_next_load();
    let (loaded, ()) = tokio::join!(node.load(&moved.key), async {
        held.reached().await;
        cluster.move_to_second(&moved).await;
        let second = sealed(&changed(&moved, "second"));
        let saved = cluster.stores[1].save(&second, moved.revision, TTL, "unreadable".into());
        assert_eq!(saved.await.unwrap(), SaveOutcome::Saved);
        let clears = node.clears();
        until("the loss is reported", async || node.clears() > clears).await;
        held.release();
    });
    assert_eq!(loaded.unwrap(), found("second"), "it was loaded again, from its new shard");
    assert_eq!(node.read(&moved.key).await.unwrap(), found("second"));
}

/// The invalidations of the shard that it was loaded from count, whichever shard had it when the load began.
#[tokio::test(start_paused = true)]
async fn a_session_that_changes_its_shard_during_a_load_depends_on_the_new_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.patient_node("one").await;
    let [moved, _] = node.create_two().await;
    node.clustered.clear_local_cache();
    let mut held = node.faults[0].hold_next_load();
    let (loaded, ()) = tokio::join!(node.load(&moved.key), async {
        held.reached().await;
        cluster.move_to_second(&moved).await;
        let clears = node.clears();
        until("the loss is reported", async || node.clears() > clears).await;
        held.release();
    });
    assert_eq!(loaded.unwrap(), found("first"));
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_changes_its_shard_before_its_load_depends_on_the_new_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.patient_node("one").await;
    let moved = node.keep(record_in(0, 8)).await;
    node.clustered.clear_local_cache();
    node.faults[0].hang();
    let first = keys_in(0, 256);
    let first = join_all(first.iter().map(|key| node.load(key)));
    let calls = node.faults[0].calls();
    let waiting = async {
        until("many are at the shard", async || node.faults[0].calls() - calls == 256).await;
        node.load(&moved.key).await
    };
    let (_, loaded, ()) = tokio::join!(first, waiting, async {
        until("many are at the shard", async || node.faults[0].calls() - calls == 256).await;
        sleep(MAX_STALENESS).await;
        cluster.move_to_second(&moved).await;
        let clears = node.clears();
        until("the loss is reported", async || node.clears() > clears).await;
        node.faults[0].work();
    });
    assert_eq!(loaded.unwrap(), found("first"));
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

/// The shard reports the loss before the node knows the new shard of the session: the load finds out.
#[tokio::test(start_paused = true)]
async fn a_redirected_load_depends_on_the_new_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [moved, _] = node.create_two().await;
    cluster.copy_to_second(&moved).await;
    cluster.layout.give_unnoticed(&moved.key, SHARDS[1]);
    sleep(MAX_STALENESS).await;
    assert_eq!(node.load(&moved.key).await.unwrap(), found("first"));
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

#[tokio::test(start_paused = true)]
async fn a_redirected_save_depends_on_the_new_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [moved, _] = node.create_two().await;
    cluster.copy_to_second(&moved).await;
    cluster.layout.give_unnoticed(&moved.key, SHARDS[1]);
    sleep(MAX_STALENESS).await;
    let second = changed(&moved, "second");
    assert_eq!(node.save(&second, moved.revision).await.unwrap(), SaveOutcome::Saved);
    assert_ended_in_time_without_messages(&cluster, &node, &moved).await;
}

/// The second shard loses its connection, and this session, which is there, is ended. The node may serve it for `MAX_STALENESS`.
async fn assert_ended_in_time_without_messages(
    cluster: &ShardedCluster,
    node: &ShardedNode,
    record: &Record,
) {
    node.bus_faults[1].disconnect();
    end_in(&cluster.stores[1], record).await;
    sleep(MAX_STALENESS).await;
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_has_changed_its_shard_is_cached_again_and_depends_on_the_new_shard() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let [moved, _] = one.create_two().await;
    assert_eq!(two.read(&moved.key).await.unwrap(), found("first"));
    cluster.move_to_second(&moved).await;
    sleep(MAX_STALENESS).await;
    for node in [&one, &two] {
        assert_eq!(node.lookup(&moved.key), None);
        assert_eq!(node.load(&moved.key).await.unwrap(), found("first"));
        // The subscription to the other shard does not matter to it any more.
        node.bus_faults[0].disconnect();
    }
    sleep(MAX_STALENESS * 2).await;
    let calls = two.faults[1].calls();
    assert_eq!(two.read(&moved.key).await.unwrap(), found("first"));
    assert_eq!(two.faults[1].calls(), calls, "it is in the cache");
    let second = changed(&moved, "second");
    assert_eq!(one.save(&second, moved.revision).await.unwrap(), SaveOutcome::Saved);
    until("two has received it", async || two.read(&moved.key).await.unwrap() == found("second")).await;
    assert!(one.end(&moved).await.unwrap());
    until("two has received the delete", async || two.read(&moved.key).await.unwrap() == Lookup::Ended).await;
}
