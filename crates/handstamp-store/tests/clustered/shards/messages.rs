//! Messages for all shards or one, and deletes that are pending while a shard cannot be reached.

use handstamp_core::record::Record;
use handstamp_store::{Bus, Lookup, NodeSettings, Shard, Subscription};
use handstamp_testkit::until;
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_clear_is_published_by_every_shard() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    assert_eq!(two.clustered.cached_sessions(), 2);
    one.clustered.clear_all_caches().await.unwrap();
    until("two has received it", async || two.clustered.cached_sessions() == 0).await;
    for record in &records {
        assert_eq!(two.lookup(&record.key), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_eviction_is_published_by_the_shard_of_the_session() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    for (shard, record) in records.iter().enumerate() {
        let [mut here, mut there] = [
            cluster.buses[shard].subscribe(Shard::ONLY).await.unwrap(),
            cluster.buses[1 - shard].subscribe(Shard::ONLY).await.unwrap(),
        ];
        node.clustered.invalidate_everywhere(&record.key).await.unwrap();
        assert!(here.try_next().is_some() && there.try_next().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn pending_deletes_of_a_shard_do_not_wait_for_other_shards() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [of_many, ended] = node.create_two().await;
    end_many_of(&node, 0, &of_many).await;
    node.faults[1].fail();
    assert!(node.end(&ended).await.is_err());
    assert!(!cluster.stores[1].is_empty());
    node.faults[1].work();
    until("the shard has the delete", async || cluster.stores[1].is_empty()).await;
    assert!(!cluster.stores[0].is_empty());
    node.faults[0].work();
    until("the other one has it, too", async || cluster.stores[0].is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_sends_pending_deletes_to_every_reachable_shard() {
    let cluster = ShardedCluster::new();
    for shard in [0, 1] {
        let node = cluster.node("one").await;
        let records = node.create_two().await;
        end_many_of(&node, shard, &records[shard]).await;
        node.faults[1 - shard].fail();
        assert!(node.end(&records[1 - shard]).await.is_err());
        // The listeners have no time to notice the deletes.
        node.faults[1 - shard].work();
        let started = Instant::now();
        node.clustered.shutdown().await;
        assert!(started.elapsed() <= NodeSettings::default().save_budget, "the others are not waited for");
        assert!(!is_in(&cluster.stores[1 - shard], &records[1 - shard]).await);
        assert!(is_in(&cluster.stores[shard], &records[shard]).await);
        node.faults[shard].work();
    }
}

/// The second shard takes over the sessions of the first without having received the delete.
#[tokio::test(start_paused = true)]
async fn a_pending_delete_is_sent_to_the_shard_that_takes_over() {
    for (is_gone, reply_is_lost) in [(true, false), (true, true), (false, false)] {
        let cluster = ShardedCluster::new();
        let node = cluster.patient_node("one").await;
        let [ended, _] = node.create_two().await;
        cluster.copy_to_second(&ended).await;
        // There is no subscription to the new one.
        node.bus_faults[1].reject();
        until("it is noticed", async || !node.clustered.is_subscribed()).await;
        let mut held = node.faults[0].hold_next_delete();
        if reply_is_lost {
            node.faults[0].lose_replies(1);
            node.faults[1].fail();
        }
        let (deleted, ()) = tokio::join!(node.end(&ended), async {
            held.reached().await;
            cluster.layout.give(&ended.key, SHARDS[1]);
            if is_gone {
                cluster.layout.remove(SHARDS[0]);
            }
            held.release();
        });
        assert_eq!(deleted.is_err(), reply_is_lost);
        assert_eq!(node.read(&ended.key).await.unwrap(), Lookup::Ended);
        node.faults[1].work();
        until("it is ended", async || !is_in(&cluster.stores[1], &ended).await).await;
    }
}

/// The same, after the delete was confirmed.
#[tokio::test(start_paused = true)]
async fn a_confirmed_delete_is_repeated_in_the_shard_that_takes_over() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [ended, _] = node.create_two().await;
    cluster.copy_to_second(&ended).await;
    node.bus_faults[1].reject();
    until("it is noticed", async || !node.clustered.is_subscribed()).await;
    assert!(node.end(&ended).await.unwrap());
    cluster.layout.give(&ended.key, SHARDS[1]);
    cluster.layout.remove(SHARDS[0]);
    until("it is ended", async || !is_in(&cluster.stores[1], &ended).await).await;
}

/// A shard does not reply any more. Meanwhile this session of it is ended, and a thousand others: many more than are sent at the same
/// time.
async fn end_many_of(node: &ShardedNode, shard: usize, record: &Record) {
    node.faults[shard].fail();
    for key in keys_in(shard, 1_000).into_iter().chain([record.key]) {
        assert!(node.clustered.writes().end(&key).await.is_err());
    }
    node.faults[shard].hang();
}
