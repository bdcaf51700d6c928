//! A failing shard does not affect the sessions of the others.

use std::time::Duration;

use futures_util::future::join_all;
use handstamp_store::{Bus, Lookup, SaveOutcome, Shard, StoreError};
use handstamp_testkit::until;
use tokio::time::{Instant, sleep};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_hanging_shard_does_not_delay_the_others() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let [_, cached] = node.create_two().await;
    let [loaded, saved] = [node.keep(record_in(1, 2)).await, node.keep(record_in(1, 4)).await];
    node.clustered.evict(&loaded.key);
    node.faults[0].hang();
    // More than the shard may have at the same time.
    let waiting = keys_in(0, 1_000);
    let waiting = join_all(waiting.iter().map(|key| node.load(key)));
    let calls = node.faults[0].calls();
    let others = async {
        until("many are at the shard", async || node.faults[0].calls() - calls == 256).await;
        // Time stands still unless everybody waits for it.
        let started = Instant::now();
        assert_eq!(node.lookup(&cached.key), Some(found("first")));
        assert_eq!(node.load(&loaded.key).await.unwrap(), found("first"));
        let second = changed(&saved, "second");
        assert_eq!(node.save(&second, saved.revision).await.unwrap(), SaveOutcome::Saved);
        assert_eq!(node.load(&record_in(1, 6).key).await.unwrap(), Lookup::Absent);
        assert!(node.end(&second).await.unwrap());
        assert_eq!(started.elapsed(), Duration::ZERO);
    };
    let (waited, ()) = tokio::join!(waiting, others);
    assert!(waited.iter().all(|loaded| matches!(loaded, Err(StoreError::TimedOut))), "they were to wait");
}

/// K5.4: the time of one shard is enough; a hanging shard is not waited for.
#[tokio::test(start_paused = true)]
async fn k5_4_the_time_of_one_shard_is_enough() {
    let cluster = ShardedCluster::new();
    let node = cluster.begin("one", NodeSettings::default());
    node.faults[0].hang();
    node.faults[1].reject_time(true);
    let writes = node.clustered.writes();
    assert!(matches!(writes.learn_time().await, Err(StoreError::TimedOut)));
    assert!(!node.clustered.is_time_known());
    node.faults[1].reject_time(false);
    node.clustered.writes().learn_time().await.unwrap();
    assert!(node.clustered.is_time_known());
}

#[tokio::test(start_paused = true)]
async fn sessions_of_other_shards_stay_cached_while_a_shard_hangs() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    node.faults[0].hang();
    node.until_status(&records, [true, false, true, false, true]).await;
    let calls = node.faults[1].calls();
    let started = Instant::now();
    while started.elapsed() < MAX_STALENESS * 3 {
        assert_eq!(node.lookup(&records[1].key), Some(found("first")));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(node.lookup(&records[0].key), None, "the node has no recent fence of this shard");
    assert_eq!(node.faults[1].calls(), calls);
    node.faults[0].work();
    node.until_status(&records, [true; 5]).await;
    assert_eq!(node.read(&records[0].key).await.unwrap(), found("first"));
}

#[tokio::test(start_paused = true)]
async fn only_the_shard_without_fences_is_read_through() {
    let cluster = ShardedCluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let records = one.create_two().await;
    for record in &records {
        two.read(&record.key).await.unwrap();
    }
    two.bus_faults[0].disconnect();
    assert!(one.end(&records[0]).await.unwrap());
    sleep(MAX_STALENESS).await;
    assert_eq!(two.lookup(&records[0].key), None);
    let limit = Duration::from_secs(20);
    assert_eq!(two.outdated(&records[0].key, limit), Some(found("first")), "a copy for an outage");
    let calls = [0, 1].map(|shard| two.faults[shard].calls());
    for _ in 0..10 {
        assert_eq!(two.read(&records[0].key).await.unwrap(), Lookup::Ended);
        assert_eq!(two.read(&records[1].key).await.unwrap(), found("first"));
    }
    assert_eq!([0, 1].map(|shard| two.faults[shard].calls() - calls[shard]), [10, 0]);
    two.until_status(&records, [false, true, true, true, true]).await;
    two.bus_faults[0].work();
    two.until_status(&records, [true; 5]).await;
}

#[tokio::test(start_paused = true)]
async fn sessions_of_a_shard_whose_messages_were_lost_are_not_served() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    // More than the channel holds.
    for _ in 0..20_000 {
        cluster.buses[0].publish(Shard::ONLY, "one of too many".into()).await.unwrap();
    }
    // Before the next subscription.
    sleep(Duration::from_millis(1)).await;
    assert_eq!([0, 1].map(|shard| node.lookup(&records[shard].key)), [None, Some(found("first"))]);
    node.until_status(&records, [true; 5]).await;
    assert_eq!([0, 1].map(|shard| node.lookup(&records[shard].key)), [None, Some(found("first"))]);
    assert_eq!(node.read(&records[0].key).await.unwrap(), found("first"));
    assert_eq!(node.lookup(&records[0].key), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn stale_copies_are_limited_by_the_fences_of_each_shard() {
    let cluster = ShardedCluster::new();
    let node = cluster.node("one").await;
    let records = node.create_two().await;
    let limit = Duration::from_secs(10);
    node.bus_faults[0].disconnect();
    let closed = Instant::now();
    while node.outdated(&records[0].key, limit).is_some() {
        assert!(closed.elapsed() < limit, "served for {:?}", closed.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    assert!(closed.elapsed() > limit - MAX_STALENESS, "served for {:?}", closed.elapsed());
    assert_eq!(node.outdated(&records[1].key, limit), Some(found("first")));
}
