//! Who tells whom: messages for all shards or one, and what ended while a shard was away.

use handstamp_core::record::Record;
use handstamp_store::{Bus, Lookup, NodeSettings, Shard, Subscription};
use handstamp_testkit::until;
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn clearing_is_told_by_every_shard() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    assert_eq!(two.clustered.cached_sessions(), 2);
    one.clustered.clear_all_caches().await.unwrap();
    until("two hears of it", async || two.clustered.cached_sessions() == 0).await;
    for record in &records {
        assert_eq!(two.lookup(&record.key), None);
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_session_shall_be_forgotten_is_told_by_its_shard() {
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
async fn a_shard_that_is_back_is_told_what_ended_and_does_not_wait_for_the_others() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [of_many, ended] = node.create_two().await;
    end_many_of(&node, 0, &of_many).await;
    node.faults[1].fail();
    assert!(node.end(&ended).await.is_err());
    assert!(!cluster.stores[1].is_empty());
    node.faults[1].work();
    until("the shard is told", async || cluster.stores[1].is_empty()).await;
    assert!(!cluster.stores[0].is_empty());
    node.faults[0].work();
    until("the other one too", async || cluster.stores[0].is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_every_shard_that_is_there_is_told_what_ended() {
    let cluster = ShardedCluster::new();
    for shard in [0, 1] {
        let node = cluster.node("one").await;
        let records = node.create_two().await;
        end_many_of(&node, shard, &records[shard]).await;
        node.faults[1 - shard].fail();
        assert!(node.end(&records[1 - shard]).await.is_err());
        // The listeners have no time to invalidation.
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
async fn what_ends_in_a_shard_while_another_takes_its_place_is_ended_there_too() {
    for (is_gone, reply_is_lost) in [(true, false), (true, true), (false, false)] {
        let cluster = ShardedCluster::new();
        let node = cluster.patient_node("one").await;
        let [ended, _] = node.create_two().await;
        cluster.copy_to_second(&ended).await;
        // Nothing is heard from the new one.
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
async fn what_has_ended_in_a_shard_that_is_gone_is_ended_in_the_one_in_its_place_too() {
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

/// A shard does not answer any more, and this session of it is ended meanwhile, and so are a thousand others: many more
/// than are told at once.
async fn end_many_of(node: &ShardedNode, shard: usize, record: &Record) {
    node.faults[shard].fail();
    for key in keys_in(shard, 1_000).into_iter().chain([record.key]) {
        assert!(node.clustered.writes().end(&key).await.is_err());
    }
    node.faults[shard].hang();
}
