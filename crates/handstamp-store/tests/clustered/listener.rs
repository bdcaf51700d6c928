//! What a node receives from the others, and what it does without a live subscription.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::time::Timestamp;
use handstamp_store::{Bus, Clock, ClusteredStore, Lookup, NodeSettings, Shard, StoreError, SystemClock};
use handstamp_testkit::{FaultyStore, Log, PATIENCE, eventually, until};
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn without_fences_the_cache_is_served_for_at_most_max_staleness() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    two.bus_faults.disconnect();
    assert!(one.end(&record).await.unwrap());
    let ended = Instant::now();
    while two.read(&record.key).await.unwrap() == found("first") {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(ended.elapsed() <= MAX_STALENESS, "served for {:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_entry_from_before_a_gap_is_not_served_after_it() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    two.bus_faults.disconnect();
    until("two has no subscription", async || !two.clustered.is_subscribed()).await;
    // Directly in the store, without a message, as if it was lost in the gap.
    end_in(&cluster.store, &record).await;
    two.bus_faults.work();
    until("two is subscribed again", async || two.clustered.is_subscribed()).await;
    assert_eq!(two.clustered.cached_sessions(), 0);
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_fill_from_before_the_subscription_is_not_cached() {
    let cluster = Cluster::new();
    let patient = NodeSettings::default().with_load_budget(Duration::from_secs(10));
    let (one, two) = (cluster.node("one").await, cluster.node_with("two", patient).await);
    let record = one.create().await;
    two.bus_faults.disconnect();
    until("two has no subscription", async || !two.clustered.is_subscribed()).await;
    // An attempt to subscribe takes as long as a load may, and has already begun.
    sleep(patient.load_budget / 2).await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.load(&record.key), async {
        held.reached().await;
        // Directly in the store, without a message, as if it was lost in the gap.
        end_in(&cluster.store, &record).await;
        two.bus_faults.work();
        until("two is subscribed again", async || two.clustered.is_subscribed()).await;
        held.release();
    });
    assert_eq!(read.unwrap(), Lookup::Ended, "it was loaded again");
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_store_does_not_reply_reads_through() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
    node.faults.fail();
    sleep(MAX_STALENESS).await;
    assert!(!node.clustered.is_healthy());
    assert_eq!(node.lookup(&record.key), None);
    assert!(matches!(node.load(&record.key).await, Err(StoreError::Unavailable(_))));
    node.faults.work();
    until("the store is reachable", async || node.clustered.is_healthy()).await;
    assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
}

/// The node may be subscribed to one server, and send commands to another one.
#[tokio::test(start_paused = true)]
async fn a_node_that_starts_while_the_store_does_not_reply_reads_through() {
    let cluster = Cluster::new();
    let (store, faults) = FaultyStore::new(cluster.store.clone());
    faults.fail();
    let node = cluster.node_on(store, faults, "one", NodeSettings::default());
    until("it is subscribed", async || node.clustered.is_subscribed()).await;
    node.faults.work();
    let record = node.create().await;
    assert_eq!(node.lookup(&record.key), None);
    until("the store replies", async || node.lookup(&record.key) == Some(found("first"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_clear_reaches_every_node() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    two.read(&record.key).await.unwrap();
    two.clustered.clear_all_caches().await.unwrap();
    assert_eq!(two.clustered.cached_sessions(), 0);
    until("one has received it", async || one.clustered.cached_sessions() == 0).await;
    assert_eq!(one.read(&record.key).await.unwrap(), found("first"), "the session is as it was");
}

#[tokio::test(start_paused = true)]
async fn one_session_can_be_evicted_on_every_node() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let (forgotten, kept) = (one.create().await, one.create().await);
    one.clustered.evict(&forgotten.key);
    assert_eq!((one.lookup(&forgotten.key), one.lookup(&kept.key)), (None, Some(found("first"))));
    one.read(&forgotten.key).await.unwrap();
    two.clustered.invalidate_everywhere(&forgotten.key).await.unwrap();
    until("one has received it", async || one.lookup(&forgotten.key).is_none()).await;
    assert_eq!(one.lookup(&kept.key), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn forged_and_malformed_messages_are_counted_and_ignored() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    let mut forged =
        messenger("two", SECRET).encode(&Invalidation::CacheClear, Timestamp::from_millis(0)).to_vec();
    forged[10] ^= 1;
    for message in [Bytes::new(), "clear".into(), Bytes::from(vec![1; 10_000_000]), forged.into()] {
        cluster.bus.publish(Shard::ONLY, message).await.unwrap();
    }
    until("all are rejected", async || node.clustered.bus_stats().rejected == 4).await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
}

/// K9, F10. Another node may have a key that this one does not have yet; but anyone can send such a message.
#[tokio::test(start_paused = true)]
async fn k9_f10_messages_under_unknown_keys_clear_the_cache_ever_more_rarely() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let stranger = messenger("two", "another-secret-of-more-than-thirty-two-characters");
    let message = stranger.encode(&Invalidation::CacheClear, SystemClock.timestamp());
    node.create().await;
    let clears = node.clustered.bus_stats().clears;
    for _ in 0..100 {
        cluster.bus.publish(Shard::ONLY, message.clone()).await.unwrap();
    }
    until("all are rejected", async || node.clustered.bus_stats().unknown_key == 100).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 1);
    assert_eq!(node.clustered.cached_sessions(), 0);
    let record = node.create().await;
    // In a flood of ten minutes: at 0, 1, 3, 7, 15, 31 and 63 seconds, and then once a minute.
    for _ in 0..6_000 {
        sleep(Duration::from_millis(100)).await;
        cluster.bus.publish(Shard::ONLY, message.clone()).await.unwrap();
    }
    until("all are rejected", async || node.clustered.bus_stats().unknown_key == 6_100).await;
    let granted = node.clustered.bus_stats().clears - clears;
    assert!((10..=20).contains(&granted), "{granted}");
    assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
    assert_eq!(node.lookup(&record.key), Some(found("first")), "between clears the cache is served");
}

/// K11: the log reports a node whose secret differs from that of the others.
#[tokio::test(start_paused = true)]
async fn k11_a_node_with_another_secret_is_logged_once_a_minute() {
    let (log, _guard) = Log::capture();
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let warnings = || {
        let lines = log.lines(Level::WARN, "handstamp_store");
        lines.iter().filter(|line| line.contains("a secret that this node does not have")).count()
    };
    let other = messenger("two", SECRET);
    cluster
        .bus
        .publish(Shard::ONLY, other.encode(&Invalidation::CacheClear, SystemClock.timestamp()))
        .await
        .unwrap();
    until("it is received", async || node.clustered.bus_stats().received == 1).await;
    assert_eq!(warnings(), 0);
    let stranger = messenger("three", "another-secret-of-more-than-thirty-two-characters");
    let message = stranger.encode(&Invalidation::CacheClear, SystemClock.timestamp());
    for round in 1..=2 {
        for _ in 0..10 {
            cluster.bus.publish(Shard::ONLY, message.clone()).await.unwrap();
        }
        until("all are rejected", async || node.clustered.bus_stats().unknown_key == round * 10).await;
        assert_eq!(warnings(), usize::try_from(round).unwrap());
        sleep(Duration::from_secs(60)).await;
    }
}

/// K9, F10, S73
#[tokio::test(start_paused = true)]
async fn k9_f10_a_repeated_clear_is_not_applied() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let other = messenger("two", SECRET);
    let clear =
        |age: Duration| other.encode(&Invalidation::CacheClear, SystemClock.timestamp().saturating_sub(age));
    let (recent, ancient) = (clear(Duration::ZERO), clear(Duration::from_secs(86_400 * 365)));
    let clears = node.clustered.bus_stats().clears;
    cluster.bus.publish(Shard::ONLY, recent.clone()).await.unwrap();
    until("it is applied", async || node.clustered.bus_stats().clears == clears + 1).await;
    let record = node.create().await;
    for _ in 0..50 {
        sleep(Duration::from_millis(300)).await;
        cluster.bus.publish(Shard::ONLY, recent.clone()).await.unwrap();
    }
    until("all are received", async || node.clustered.bus_stats().received >= 51).await;
    assert_eq!(node.clustered.bus_stats().clears, clears + 1);
    assert_eq!(node.lookup(&record.key), Some(found("first")));
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        cluster.bus.publish(Shard::ONLY, ancient.clone()).await.unwrap();
    }
    until("all are counted", async || node.clustered.bus_stats().outdated == 600).await;
    let granted = node.clustered.bus_stats().clears - clears - 1;
    assert!(granted <= 7, "{granted} in a minute");
}

/// K11
#[tokio::test(start_paused = true)]
async fn k11_after_a_shutdown_every_call_fails_and_the_cache_is_not_served() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.shutdown().await;
    assert!(!node.clustered.is_subscribed());
    assert_eq!(node.lookup(&record.key), None);
    assert_eq!(node.outdated(&record.key, Duration::from_secs(60)), None);
    assert!(matches!(node.load(&record.key).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(node.end(&record).await, Err(StoreError::Unavailable(_))));
    node.clustered.shutdown().await;
}

/// K6.2: a stall of the server, such as a fork for a snapshot. No message is lost, so nothing has to be loaded again.
#[tokio::test(start_paused = true)]
async fn k6_2_during_a_stall_the_cache_is_not_served_but_kept() {
    let cluster = Cluster::new();
    let lasting = NodeSettings::default().with_cache_ttl(TTL);
    let (one, two) = (cluster.node("one").await, cluster.node_with("two", lasting).await);
    let records = [one.create().await, one.create().await];
    for record in &records {
        assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    }
    let clears = two.clustered.bus_stats().clears;
    for stall in [300, 1_500, 3_000, 20_000].map(Duration::from_millis) {
        two.bus_faults.stall();
        two.faults.hang();
        sleep(stall).await;
        let is_served = two.lookup(&records[0].key).is_some();
        assert_eq!(is_served, stall < MAX_STALENESS, "after {stall:?}");
        two.bus_faults.work();
        two.faults.work();
        until("it is served again", async || two.lookup(&records[0].key) == Some(found("first"))).await;
        until("it is healthy", async || two.clustered.is_subscribed() && two.clustered.is_healthy()).await;
    }
    two.bus_faults.stall();
    assert!(one.end(&records[0]).await.unwrap());
    sleep(Duration::from_secs(3)).await;
    two.bus_faults.work();
    until("it is served again", async || two.lookup(&records[1].key) == Some(found("first"))).await;
    assert_ne!(
        two.lookup(&records[0].key),
        Some(found("first")),
        "what came during the stall has been applied"
    );
    assert_eq!(two.clustered.bus_stats().clears, clears);
}

/// K6.2: a dead connection, while the server replies on others.
#[tokio::test(start_paused = true)]
async fn k6_2_a_dead_subscription_is_replaced() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    assert_eq!(two.read(&record.key).await.unwrap(), found("first"));
    // The present subscriptions are dead. New ones work.
    two.bus_faults.disconnect();
    let clears = two.clustered.bus_stats().clears;
    until("a late fence is noticed", async || !two.clustered.is_subscribed()).await;
    assert_eq!(two.clustered.bus_stats().clears, clears);
    assert!(one.end(&record).await.unwrap());
    two.bus_faults.work();
    until("another subscription is live", async || two.clustered.is_subscribed()).await;
    assert_eq!(two.clustered.bus_stats().clears, clears + 1, "messages may have been lost");
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_rejects_writes_is_not_healthy() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    assert!(node.clustered.is_healthy() && node.clustered.is_partly_writable());
    node.faults.reject_writes();
    assert!(matches!(
        node.save(&changed(&record, "second"), record.revision).await,
        Err(StoreError::Rejected(_))
    ));
    until("a failed write is noticed", async || !node.clustered.is_healthy()).await;
    assert!(node.clustered.is_partly_reachable() && !node.clustered.is_partly_writable());
    assert_eq!(node.read(&record.key).await.unwrap(), found("first"), "reads go on");
    node.faults.work();
    until("it is healthy again", async || node.clustered.is_healthy()).await;
    node.faults.reject_writes();
    until("it is noticed without a write", async || !node.clustered.is_healthy()).await;
    let (store, faults) = FaultyStore::new(cluster.store.clone());
    faults.reject_writes();
    let late = cluster.node_on(store, faults, "late", NodeSettings::default());
    late.clustered.wait_until_ready().await;
    assert!(!late.clustered.is_healthy(), "it is known when the node is ready");
}

/// K11: a store that does not reply to writes.
#[tokio::test(start_paused = true)]
async fn k11_a_store_that_does_not_reply_to_writes_is_not_healthy() {
    let (log, _guard) = Log::capture();
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    node.faults.hang_in_writes();
    until("it is noticed", async || !node.clustered.is_healthy()).await;
    let (store, faults) = FaultyStore::new(cluster.store.clone());
    faults.hang_in_writes();
    let late = cluster.node_on(store, faults, "late", NodeSettings::default());
    until("the store is reached", async || late.clustered.is_reachable()).await;
    assert!(
        !late.clustered.is_healthy() && late.clustered.has_never_been_writable(),
        "writes have not worked yet"
    );
    // For as long as that lasts.
    for _ in 0..1_000 {
        sleep(Duration::from_millis(20)).await;
        assert!(node.clustered.is_reachable() && !node.clustered.is_healthy());
        assert!(late.clustered.is_reachable() && late.clustered.has_never_been_writable());
    }
    assert!(!node.clustered.has_never_been_writable(), "a write has worked before");
    let lines = log.lines(Level::WARN, "handstamp_store");
    assert_eq!(lines.len(), 2, "one for each node: {lines:?}");
    assert!(lines.iter().all(|line| line.contains("does not reply to writes")), "{lines:?}");
    for node in [&node, &late] {
        node.faults.work();
        until("it is healthy again", async || node.clustered.is_healthy()).await;
        assert!(!node.clustered.has_never_been_writable());
    }
}

/// K11: the reply to a single check may be lost with its connection.
#[tokio::test(start_paused = true)]
async fn k11_one_check_without_a_reply_is_not_reported() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let well_for = async |tenths| {
        for _ in 0..tenths {
            sleep(Duration::from_millis(100)).await;
            assert!(node.clustered.is_healthy());
        }
    };
    // The pauses vary, because checks are made at regular intervals.
    for pause in 10..40 {
        node.faults.hang_in_writes();
        // Longer than a check waits, and not until the next one begins.
        well_for(29).await;
        node.faults.work();
        well_for(pause).await;
    }
}

/// K5.4, S30: one node's clock is a day ahead, the other's is a minute behind.
#[tokio::test(start_paused = true)]
async fn k5_4_nodes_go_by_the_clock_of_the_store() {
    let cluster = Cluster::new();
    for offset in [86_400_000, -60_000] {
        let node = cluster.node_with_clock("one", Skewed::by(offset)).await;
        assert_goes_by_the_stores_clock(&node);
        assert!(node.clustered.is_clock_skewed());
        let record = node.create().await;
        node.clustered.clear_local_cache();
        assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
    }
    let node = cluster.node("two").await;
    assert!(!node.clustered.is_clock_skewed());
}

/// K5.4: a clock becomes wrong, and is corrected, while a node runs.
#[tokio::test(start_paused = true)]
async fn k5_4_clocks_are_compared_repeatedly() {
    let cluster = Cluster::new();
    let clock = Skewed::by(0);
    let node = cluster.node_with_clock("one", clock.clone()).await;
    for (offset, is_off) in [(3_600_000, true), (0, false), (-3_600_000, true)] {
        assert_eq!(node.clustered.is_clock_skewed(), !is_off);
        clock.set(offset);
        // Several times the interval of the queries.
        let noticed = eventually("it is noticed", PATIENCE * 5, async || {
            if node.clustered.is_clock_skewed() == is_off { Ok(()) } else { Err("not yet") }
        });
        noticed.await;
        assert_goes_by_the_stores_clock(&node);
    }
}

fn assert_goes_by_the_stores_clock(node: &TestNode) {
    let (nodes, stores) = (node.clustered.timestamp(), SystemClock.timestamp());
    let off_by = nodes.since(stores).max(stores.since(nodes));
    assert!(off_by < Duration::from_secs(5), "{off_by:?}");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_node_ends_its_task() {
    let cluster = Cluster::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = ClusteredStore::start(
        cluster.store.clone(),
        cluster.bus.clone(),
        &ring(SECRET),
        node_id("one"),
        clock.clone(),
        NodeSettings::default(),
    );
    node.wait_until_ready().await;
    drop(node);
    until("the clock is released", async || Arc::strong_count(&clock) == 1).await;
}
