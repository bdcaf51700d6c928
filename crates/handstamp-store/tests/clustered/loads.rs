//! Concurrent loads.

use std::time::Duration;

use futures_util::future::join_all;
use handstamp_core::record::Record;
use handstamp_store::{Decoded, Lookup, NodeSettings, SaveOutcome, StoreError};
use handstamp_testkit::{ManualClock, until};
use tokio::time::{sleep, timeout};

use crate::support::*;

/// A thundering herd on a node with an empty cache.
#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_for_a_session_share_one_load() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear_local_cache();
    let calls = node.faults.calls();
    let mut held = node.faults.hold_next_load();
    let loads = join_all((0..10_000).map(|_| node.load(&record.key)));
    let release = async {
        held.reached().await;
        held.release();
    };
    let (loaded, ()) = tokio::join!(loads, release);
    assert!(loaded.iter().all(|loaded| loaded.as_ref().unwrap() == &found("first")));
    assert_eq!(node.faults.calls(), calls + 1);
}

/// The process was suspended while a load was in progress: its reply is as old as that.
#[tokio::test(start_paused = true)]
async fn a_load_that_is_older_than_its_budget_is_not_shared() {
    let cluster = Cluster::new();
    let clock = ManualClock::new();
    let node = cluster.node_with_clock("one", clock.clone()).await;
    let record = node.create().await;
    node.clustered.clear_local_cache();
    let mut held = node.faults.hold_next_load();
    let second = async {
        held.reached().await;
        cluster.store.forget(&record.key);
        clock.advance(NodeSettings::default().load_budget);
        assert_eq!(node.load(&record.key).await.unwrap(), Lookup::Absent);
        held.release();
    };
    let (first, ()) = tokio::join!(node.load(&record.key), second);
    assert_eq!(first.unwrap(), Lookup::Absent, "its reply is older than what the node knows by now");
}

/// After a clear, all requests load at the same time: not all of them at the store.
#[tokio::test(start_paused = true)]
async fn concurrent_loads_of_many_sessions_are_limited() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    node.faults.hang();
    let calls = node.faults.calls();
    let keys: Vec<_> = (0..1_000).map(|_| record().key).collect();
    let loads = join_all(keys.iter().map(|key| node.load(key)));
    let look = async {
        until("many are at the store", async || node.faults.calls() - calls >= 256).await;
        sleep(Duration::from_millis(20)).await;
        assert_eq!(node.faults.calls() - calls, 256);
        node.faults.work();
    };
    let (loaded, ()) = tokio::join!(loads, look);
    assert!(loaded.iter().all(|loaded| loaded.as_ref().unwrap() == &Lookup::Absent));
    assert_eq!(node.faults.calls() - calls, 1_000);
}

#[tokio::test(start_paused = true)]
async fn requests_that_share_a_load_share_its_error() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.faults.hang();
    let calls = node.faults.calls();
    let loads = join_all((0..100).map(|_| node.load(&record.key)));
    let (loaded, ()) = tokio::join!(loads, async { node.faults.fail() });
    assert!(loaded.iter().all(|loaded| matches!(loaded, Err(StoreError::Unavailable(_)))));
    assert_eq!(node.faults.calls(), calls + 2, "once, and once again because the connection broke");
}

#[tokio::test(start_paused = true)]
async fn a_request_after_a_logout_does_not_share_an_earlier_load() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear_local_cache();
    let mut held = node.faults.hold_next_load();
    let early = async {
        // Its reply is from before the logout, so it loads again after the invalidation.
        assert_eq!(node.load(&record.key).await.unwrap(), Lookup::Ended);
    };
    let late = async {
        held.reached().await;
        assert!(node.end(&record).await.unwrap());
        assert_eq!(node.load(&record.key).await.unwrap(), Lookup::Ended);
        held.release();
    };
    tokio::join!(early, late);
}

#[tokio::test(start_paused = true)]
async fn a_load_ends_with_its_last_waiter() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear_local_cache();
    let mut held = node.faults.hold_next_load();
    tokio::select! {
        _ = node.load(&record.key) => panic!("it is held"),
        () = held.reached() => {}
    }
    assert_eq!(node.load(&record.key).await.unwrap(), found("first"), "another one is begun");
}

#[tokio::test(start_paused = true)]
async fn a_fresh_load_shares_no_earlier_load() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let first = one.create().await;
    let mut held = two.faults.hold_next_load();
    two.bus_faults.disconnect();
    let early = two.load(&first.key);
    let late = async {
        held.reached().await;
        let _ = one.save(&changed(&first, "second"), first.revision).await.unwrap();
        let fresh = two.clustered.load_fresh(&first.key, decode);
        assert_eq!(fresh.await.map(payload).unwrap(), found("second"));
        held.release();
    };
    let (_, ()) = tokio::join!(early, late);
}

/// K3.2
#[tokio::test(start_paused = true)]
async fn k3_2_a_panic_while_decoding_is_an_error_for_all_waiters() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear_local_cache();
    let decode = |_| -> Result<Decoded<Record>, StoreError> { panic!("commanded to panic") };
    let loads = join_all((0..3).map(|_| node.clustered.load(&record.key, decode)));
    for loaded in timeout(Duration::from_secs(1), loads).await.expect("all loads end") {
        assert!(matches!(loaded, Err(StoreError::Panicked)), "{loaded:?}");
    }
    assert_eq!(node.load(&record.key).await.unwrap(), found("first"), "the next load begins anew");
}

/// K3.3
#[tokio::test(start_paused = true)]
async fn k3_3_an_unreadable_record_is_not_loaded_repeatedly() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.clear_local_cache();
    let calls = node.faults.calls();
    for _ in 0..10 {
        let found = match node.lookup(&record.key) {
            Some(lookup) => lookup,
            None => node
                .clustered
                .load(&record.key, |_| Ok::<_, StoreError>(Decoded::Unreadable))
                .await
                .map(payload)
                .unwrap(),
        };
        assert_eq!(found, Lookup::Unreadable);
    }
    assert_eq!(node.faults.calls(), calls + 1);
    let second = changed(&record, "second");
    let newer_node = cluster.node("two").await;
    assert_eq!(newer_node.save(&second, record.revision).await.unwrap(), SaveOutcome::Saved);
    until("it is read again", async || node.read(&record.key).await.unwrap() == found("second")).await;
}

/// The store has lost a save, or an older record was put back: its seal is valid.
#[tokio::test(start_paused = true)]
async fn s83_a_record_older_than_the_cached_one_is_loaded_again_and_counted() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let first = node.create().await;
    let second = changed(&first, "second");
    assert_eq!(node.save(&second, first.revision).await.unwrap(), SaveOutcome::Saved);
    put(&cluster.store, &sealed(&first)).await;
    let calls = node.faults.calls();
    assert_eq!(node.load(&first.key).await.unwrap(), found("first"));
    assert_eq!((node.faults.calls() - calls, node.clustered.outdated_records()), (2, 1));
    assert_eq!(node.lookup(&first.key), Some(found("first")), "the store has nothing later");
    assert_eq!(node.save(&changed(&first, "third"), first.revision).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(node.load(&first.key).await.unwrap(), found("third"));
    assert_eq!(node.clustered.outdated_records(), 1);
}
