//! What is served from the cache.

use std::time::Duration;

use handstamp_core::record::Record;
use handstamp_store::{Clock, CreateOutcome, Lookup, Records, SaveOutcome, SystemClock};
use handstamp_testkit::until;
use tokio::time::sleep;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_second_read_sends_no_command() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    for node in [&one, &two] {
        node.read(&record.key).await.unwrap();
        let calls = node.faults.calls();
        for _ in 0..100 {
            assert_eq!(node.read(&record.key).await.unwrap(), found("first"));
        }
        assert_eq!(node.faults.calls(), calls);
    }
    assert_eq!(two.clustered.cached_sessions(), 1);
    assert_eq!(two.clustered.cache_stats().hits, 100);
}

#[tokio::test(start_paused = true)]
async fn absence_is_cached_briefly() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let never = record();
    assert_eq!(node.read(&never.key).await.unwrap(), Lookup::Absent);
    assert_eq!(node.lookup(&never.key), Some(Lookup::Absent));
    assert_eq!(node.faults.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_save_or_logout_on_one_node_reaches_all() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    assert_eq!(two.read(&first.key).await.unwrap(), found("first"));

    let second = changed(&first, "second");
    assert_eq!(one.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    until("two has received the save", async || two.read(&first.key).await.unwrap() == found("second")).await;

    assert!(one.end(&first).await.unwrap());
    assert_eq!(one.read(&first.key).await.unwrap(), Lookup::Ended);
    until("two has received the delete", async || two.read(&first.key).await.unwrap() == Lookup::Ended).await;
}

#[tokio::test(start_paused = true)]
async fn own_messages_do_not_evict_own_writes() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    let second = changed(&first, "second");
    assert_eq!(node.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    until("the message came back", async || node.clustered.bus_stats().received > 0).await;
    assert_eq!(node.lookup(&first.key), Some(found("second")));
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_raced_with_a_logout_is_not_cached() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.read(&record.key), async {
        held.reached().await;
        let received = two.clustered.bus_stats().received;
        assert!(one.end(&record).await.unwrap());
        until("two has received the delete", async || two.clustered.bus_stats().received > received).await;
        held.release();
    });
    assert_eq!(read.unwrap(), Lookup::Ended, "it was loaded again");
    assert_eq!(two.read(&record.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_raced_with_a_save_returns_the_saved_record() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    let second = changed(&first, "second");
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.read(&first.key), async {
        held.reached().await;
        assert_eq!(one.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
        until("two has received the save", async || two.clustered.bus_stats().received > 0).await;
        held.release();
    });
    assert_eq!(read.unwrap(), found("second"));
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_raced_with_a_clear_is_not_cached() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let record = one.create().await;
    let mut held = two.faults.hold_next_load();
    let (read, ()) = tokio::join!(two.load(&record.key), async {
        held.reached().await;
        two.clustered.clear_local_cache();
        held.release();
    });
    assert_eq!(read.unwrap(), found("first"));
    assert_eq!(two.faults.calls(), 2, "it was loaded again");
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_stale_entries_are_served_within_the_limit() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let (ended, record) = (node.create().await, node.create().await);
    let limit = Duration::from_secs(20);
    node.faults.fail();
    assert!(node.save(&changed(&record, "second"), record.revision).await.is_err());
    assert!(node.end(&ended).await.is_err());
    sleep(MAX_STALENESS).await;
    assert_eq!(node.lookup(&record.key), None, "nothing can be proved any more");
    assert_eq!(node.outdated(&record.key, limit), Some(found("first")));
    assert_eq!(node.outdated(&ended.key, limit), None, "a logout was attempted on this node");
    sleep(limit - MAX_STALENESS).await;
    assert_eq!(node.outdated(&record.key, limit), None);
    assert_eq!(node.outdated(&record.key, limit * 2), Some(found("first")));
    node.clustered.clear_local_cache();
    assert_eq!(node.outdated(&record.key, limit * 2), None);
}

#[tokio::test(start_paused = true)]
async fn a_record_past_its_absolute_deadline_is_absent() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let expired = Record { expires_at: SystemClock.timestamp(), ..record() };
    assert_eq!(cluster.store.create(&sealed(&expired), TTL).await.unwrap(), CreateOutcome::Created);
    assert_eq!(node.read(&expired.key).await.unwrap(), Lookup::Absent);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_served_no_longer_than_its_session_lives() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = record();
    let ttl = Duration::from_secs(3);
    let value = entry(&record);
    assert_eq!(node.clustered.writes().create(&record, ttl, value).await.unwrap(), CreateOutcome::Created);
    sleep(ttl - Duration::from_millis(10)).await;
    assert_eq!(node.lookup(&record.key), Some(found("first")));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(node.lookup(&record.key), None);
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Absent);
}
