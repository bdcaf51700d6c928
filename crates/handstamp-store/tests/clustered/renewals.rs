//! Sessions that have moved to another id, and logouts with a former id.

use std::time::Duration;

use futures_util::future::join_all;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Opened, Record, RecordError, Sealer, Tombstone};
use handstamp_store::{
    CreateOutcome, Lookup, MemoryStore, NodeSettings, Records, SaveOutcome, StoreError, TombstoneOutcome,
    TouchOutcome,
};
use handstamp_testkit::{LaterVersion, seeded_secret, until};
use tokio::time::sleep;

use crate::support::*;

/// A session, and the same one under another id that it has moved to.
async fn renewed(node: &TestNode) -> [Record; 2] {
    let [before, after] = renewing(node).await;
    assert_eq!(node.replace_with_tombstone(&before, &after).await.unwrap(), TombstoneOutcome::Replaced);
    [before, after]
}

/// In the middle of a move: both ids have a record.
async fn renewing(node: &TestNode) -> [Record; 2] {
    let before = node.create().await;
    let after = node.keep(Record { predecessor: Some(before.key), ..record() }).await;
    [before, after]
}

/// All records of a session that has moved `count` times, in order.
async fn moved_times(node: &TestNode, count: usize) -> Vec<Record> {
    let mut records = vec![node.create().await];
    for _ in 0..count {
        let next = node.create().await;
        let last = records.last().unwrap();
        assert_eq!(node.replace_with_tombstone(last, &next).await.unwrap(), TombstoneOutcome::Replaced);
        records.push(next);
    }
    records
}

/// Where the session has moved to, by the tombstone in the store.
async fn successor_in(store: &MemoryStore, record: &Record) -> Option<SessionKey> {
    let stored = store.load(&record.key).await.unwrap()?;
    match Sealer::new(&ring(SECRET)).open(&stored.entry).unwrap() {
        Opened::Record(..) => None,
        Opened::Tombstone(tombstone) => tombstone.successor,
    }
}

#[tokio::test(start_paused = true)]
async fn k2_a_logout_with_the_former_id_ends_the_renewed_session() {
    let cluster = Cluster::new();
    let nodes = [cluster.node("one").await, cluster.node("two").await];
    for (here, there) in [(0, 1), (1, 0)] {
        let [before, after] = renewed(&nodes[0]).await;
        assert_eq!(nodes[there].read(&after.key).await.unwrap(), found("first"));
        assert!(nodes[here].end(&before).await.unwrap());
        assert!(cluster.store.is_empty());
        assert_eq!(nodes[here].read(&after.key).await.unwrap(), Lookup::Ended);
        until("the other node has received it", async || {
            nodes[there].read(&after.key).await.unwrap() == Lookup::Ended
        })
        .await;
        for node in &nodes {
            assert_eq!(node.read(&before.key).await.unwrap(), Lookup::Moved);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_logout_follows_at_most_eight_moves() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let records = moved_times(&node, 9).await;
    let error = node.end(&records[0]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(is_in(&cluster.store, &records[9]).await);
    assert!(node.end(&records[1]).await.unwrap());
    assert!(cluster.store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hop_that_fails_makes_the_successor_pending() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = renewed(&node).await;
    node.faults.fail_deletes_of([after.key]);
    for _ in 0..2 {
        let calls = node.faults.calls();
        assert!(node.end(&before).await.is_err());
        assert!(node.faults.calls() > calls, "the delete is sent");
        assert_eq!(node.read(&after.key).await.unwrap(), Lookup::Ended, "it is over here at once");
    }
    assert!(is_in(&cluster.store, &after).await);
    node.faults.fail_deletes_of([]);
    until("it is ended", async || cluster.store.is_empty()).await;
    assert!(!node.end(&before).await.unwrap());
}

/// The primary fails before a replica has the tombstone, and a logout fails in between.
#[tokio::test(start_paused = true)]
async fn a_logout_whose_first_hop_fails_ends_the_successor_that_the_node_knows() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = renewed(&node).await;
    node.faults.fail_deletes_of([before.key]);
    assert!(node.end(&before).await.is_err());
    assert!(!is_in(&cluster.store, &after).await);
    put(&cluster.store, &sealed(&before)).await;
    node.faults.fail_deletes_of([]);
    until("the old record is deleted, too", async || cluster.store.is_empty()).await;
    assert_eq!(node.read(&before.key).await.unwrap(), Lookup::Moved);
    assert_eq!(node.read(&after.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_logout_erases_the_predecessor_that_the_record_names() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = renewing(&node).await;
    assert!(node.end(&after).await.unwrap());
    assert!(cluster.store.is_empty());
    for record in [&before, &after] {
        assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Ended);
    }
    assert_eq!(node.replace_with_tombstone(&before, &after).await.unwrap(), TombstoneOutcome::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_logout_that_cannot_erase_the_predecessor_is_an_error_and_done_later() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = renewing(&node).await;
    node.faults.fail_deletes_of([before.key]);
    assert!(node.end(&after).await.is_err());
    assert!(is_in(&cluster.store, &before).await);
    assert!(!is_in(&cluster.store, &after).await, "no node serves it any more");
    for record in [&before, &after] {
        assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Ended, "it is over here at once");
    }
    node.faults.fail_deletes_of([]);
    until("both are ended", async || cluster.store.is_empty()).await;
}

/// The node has found that the record names a predecessor. Before it deletes the record, another one moves the session on.
#[tokio::test(start_paused = true)]
async fn a_session_that_moves_during_its_logout_is_followed() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let [_, second] = renewing(&one).await;
    let mut held = one.faults.hold_next_delete();
    let (ended, third) = tokio::join!(one.end(&second), async {
        held.reached().await;
        let third = two.create().await;
        assert_eq!(two.replace_with_tombstone(&second, &third).await.unwrap(), TombstoneOutcome::Replaced);
        held.release();
        third
    });
    assert!(ended.unwrap());
    assert!(cluster.store.is_empty());
    assert_eq!(one.read(&second.key).await.unwrap(), Lookup::Moved);
    assert_eq!(one.read(&third.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_move_is_repeated_as_a_move() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = renewed(&node).await;
    take_over(&cluster, &node, &sealed(&before)).await;
    until("it has moved again", async || successor_in(&cluster.store, &before).await == Some(after.key))
        .await;
    sleep(MAX_STALENESS).await;
    assert_eq!(node.load(&before.key).await.unwrap(), Lookup::Moved);
    assert_eq!(node.load(&after.key).await.unwrap(), found("first"));
}

/// A failover brings the session back under its old id, and a logout finds it there.
#[tokio::test(start_paused = true)]
async fn a_move_that_is_repeated_after_a_logout_ends_the_successor() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = renewed(&node).await;
    take_over(&cluster, &node, &sealed_tombstone(&ended(&before))).await;
    until("the successor is ended", async || !is_in(&cluster.store, &after).await).await;
    assert_eq!(node.read(&after.key).await.unwrap(), Lookup::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_logout_at_the_node_that_has_moved_the_session_needs_no_tombstone() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    for revived in [true, false] {
        let [before, after] = renewed(&node).await;
        cluster.store.forget(&before.key);
        if revived {
            put(&cluster.store, &sealed(&before)).await;
        }
        assert!(node.end(&before).await.unwrap());
        assert!(!is_in(&cluster.store, &after).await);
    }
    assert!(cluster.store.is_empty());
}

/// The visitor has logged out, and has logged in again with a renewal on another node.
#[tokio::test(start_paused = true)]
async fn a_confirmed_logout_is_repeated_without_following() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = [node.create().await, node.create().await];
    assert!(node.end(&before).await.unwrap());
    let calls = node.faults.calls();
    take_over(&cluster, &node, &sealed_tombstone(&moved(&before, after.key))).await;
    until("the delete is repeated", async || node.faults.calls() > calls).await;
    sleep(MAX_STALENESS).await;
    assert_eq!(node.load(&after.key).await.unwrap(), found("first"));
}

/// It was confirmed before.
#[tokio::test(start_paused = true)]
async fn a_confirmed_logout_is_repeated_without_following_after_a_failed_attempt() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = [node.create().await, node.create().await];
    assert!(node.end(&before).await.unwrap());
    node.faults.fail_deletes_of([before.key]);
    let calls = node.faults.calls();
    take_over(&cluster, &node, &sealed_tombstone(&moved(&before, after.key))).await;
    until("the delete is repeated", async || node.faults.calls() > calls).await;
    node.faults.fail_deletes_of([]);
    sleep(MAX_STALENESS * 2).await;
    assert_eq!(node.load(&after.key).await.unwrap(), found("first"));
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_logout_follows_the_session_that_has_moved() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let [before, after] = renewing(&two).await;
    one.faults.fail();
    assert!(one.end(&before).await.is_err());
    assert_eq!(two.replace_with_tombstone(&before, &after).await.unwrap(), TombstoneOutcome::Replaced);
    one.faults.work();
    until("it is ended", async || cluster.store.is_empty()).await;
    until("two has received it", async || two.read(&after.key).await.unwrap() == Lookup::Ended).await;
}

/// An erased record does not show where the session is now.
#[tokio::test(start_paused = true)]
async fn an_erased_record_does_not_confirm_a_logout() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let [before, after] = renewing(&two).await;
    one.faults.fail();
    assert!(one.end(&before).await.is_err());
    assert_eq!(two.replace_with_tombstone(&before, &after).await.unwrap(), TombstoneOutcome::Replaced);
    one.faults.work();
    one.clustered.writes().erase(&before.key, None).await.unwrap();
    until("it is ended", async || cluster.store.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_forged_tombstone_is_not_followed() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [victim, own, other] = [node.create().await, node.create().await, node.create().await];
    // An authentic tombstone of another session.
    let bytes = sealed_tombstone(&moved(&other, victim.key)).bytes().clone();
    put(&cluster.store, &Entry::read(own.key, bytes).unwrap()).await;
    assert!(!node.end(&own).await.unwrap());
    assert_eq!(node.read(&own.key).await.unwrap(), Lookup::Ended);
    assert_eq!(node.load(&victim.key).await.unwrap(), found("first"));
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_unknown_secret_is_an_error() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = [node.create().await, node.create().await];
    let tombstone = Sealer::new(&keys(&["unknown"])).seal_tombstone(&moved(&before, after.key));
    put(&cluster.store, &tombstone).await;
    assert!(!node.clustered.is_missing_secret());
    let error = node.end(&before).await.unwrap_err();
    assert!(matches!(error, StoreError::Record(RecordError::UnknownKey)), "{error:?}");
    assert!(node.clustered.is_missing_secret());
}

/// The node cannot read where the session has moved to, but does not serve it any more.
#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_unknown_secret_ends_the_session_here() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = [node.create().await, node.create().await];
    let tombstone = Sealer::new(&keys(&["unknown"])).seal_tombstone(&moved(&before, after.key));
    put(&cluster.store, &tombstone).await;
    assert_eq!(node.lookup(&before.key), Some(found("first")), "it has received no invalidation");
    assert!(node.end(&before).await.is_err());
    assert_ne!(node.lookup(&before.key), Some(found("first")));
}

#[tokio::test(start_paused = true)]
async fn k7_3_a_tombstone_of_a_later_version_is_followed() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let [before, after] = [node.create().await, node.create().await];
    let tombstone = sealed_tombstone(&moved(&before, after.key));
    let later = LaterVersion::new("handstamp", &seeded_secret(SECRET));
    let bytes = later.with_flags(&before.key, tombstone.bytes(), 1);
    put(&cluster.store, &Entry::read(before.key, bytes.into()).unwrap()).await;
    assert!(node.end(&before).await.unwrap());
    assert!(cluster.store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_old_secret_is_followed() {
    let cluster = Cluster::new();
    let before = cluster.node_with_keys("one", &keys(&["old"])).await;
    let after = cluster.node_with_keys("two", &keys(&["new", "old"])).await;
    let [first, _] = renewed(&before).await;
    assert!(after.end(&first).await.unwrap());
    assert!(cluster.store.is_empty());
}

/// One node remembers it, the other one loads the tombstone.
#[tokio::test(start_paused = true)]
async fn a_save_or_touch_reports_that_a_session_has_ended_or_moved() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let (ended, [moved, _]) = (one.create().await, renewed(&one).await);
    assert!(one.end(&ended).await.unwrap());
    for (node, calls) in [(&one, 0), (&two, 4)] {
        let before = node.faults.calls();
        for (record, saved, touched) in [
            (&ended, SaveOutcome::Gone, TouchOutcome::Gone),
            (&moved, SaveOutcome::Moved, TouchOutcome::Moved),
        ] {
            assert_eq!(node.save(&changed(record, "second"), record.revision).await.unwrap(), saved);
            assert_eq!(node.clustered.writes().touch(&record.key, TTL).await.unwrap(), touched);
        }
        assert_eq!(node.faults.calls() - before, calls);
    }
}

/// One node remembers it, the other one loads the tombstone.
#[tokio::test(start_paused = true)]
async fn a_session_moves_once() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let [before, after] = renewed(&one).await;
    let other = one.create().await;
    for node in [&one, &two] {
        assert_eq!(node.replace_with_tombstone(&before, &other).await.unwrap(), TombstoneOutcome::Moved);
    }
    assert_eq!(successor_in(&cluster.store, &before).await, Some(after.key));
}

#[tokio::test(start_paused = true)]
async fn tombstones_live_for_half_a_minute() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node("one").await, cluster.node("two").await);
    let (ended, [before, after], [unconfirmed, _]) =
        (one.create().await, renewing(&one).await, renewed(&one).await);
    assert!(one.end(&ended).await.unwrap());
    let tombstone = moved(&before, after.key);
    let replaced = one.clustered.writes().replace_with_tombstone(&tombstone, before.revision, TTL).await;
    assert_eq!(replaced.unwrap(), TombstoneOutcome::Replaced);
    one.clustered.writes().confirm_tombstone(&tombstone).await.unwrap();
    for (wait, expected) in [
        (HALF_A_MINUTE - MAX_STALENESS, [Lookup::Ended, Lookup::Moved, Lookup::Moved]),
        (MAX_STALENESS * 2, [Lookup::Absent, Lookup::Absent, Lookup::Moved]),
    ] {
        sleep(wait).await;
        for node in [&one, &two] {
            let found =
                [ended.key, before.key, unconfirmed.key].map(async |key| node.read(&key).await.unwrap());
            assert_eq!(join_all(found).await, expected);
        }
    }
}

/// Its reply was lost, and it is sent again.
#[tokio::test(start_paused = true)]
async fn an_undone_create_is_not_repeated() {
    let cluster = Cluster::new();
    let node = cluster.node("one").await;
    let record = node.create().await;
    node.clustered.writes().undo_create(&record.key).await;
    let created = node.clustered.writes().create(&record, TTL, entry(&record)).await;
    assert_eq!(created.unwrap(), CreateOutcome::Exists);
    assert!(cluster.store.is_empty());
    assert_eq!(node.read(&record.key).await.unwrap(), Lookup::Ended);
}

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// S85: a request with a former id counts once it cannot have been in flight during the renewal, also on the node that has renewed the session.
#[tokio::test(start_paused = true)]
async fn s85_requests_with_a_former_id_are_counted_and_end_the_session_if_configured() {
    for (end_on_reuse, same_subject) in [(false, true), (true, true), (true, false)] {
        let cluster = Cluster::new();
        let settings = || NodeSettings::default().with_end_on_reuse(end_on_reuse);
        let (one, two) =
            (cluster.node_with("one", settings()).await, cluster.node_with("two", settings()).await);
        for node in [&one, &two] {
            let (first, second) = (one.create().await, one.create().await);
            let tombstone = Tombstone { same_subject, ..moved(&first, second.key) };
            let replaced =
                one.clustered.writes().replace_with_tombstone(&tombstone, first.revision, TTL).await.unwrap();
            assert_eq!(replaced, TombstoneOutcome::Replaced);
            one.clustered.writes().confirm_tombstone(&tombstone).await.unwrap();
            let arrive = async || {
                let found = node.clustered.load_for_request(&first.key, decode).await.unwrap();
                assert_eq!(payload(found), Lookup::Moved);
            };
            arrive().await;
            assert_eq!(node.clustered.reused_ids(), 0, "it may have been in flight");
            sleep(Duration::from_secs(2)).await;
            assert_eq!(node.load(&first.key).await.unwrap(), Lookup::Moved);
            assert_eq!(node.clustered.reused_ids(), 0, "no request has arrived");
            arrive().await;
            assert_eq!(node.clustered.reused_ids(), 1);
            assert_eq!(node.lookup(&first.key), Some(Lookup::Moved), "the next ones need not ask");
            if end_on_reuse && same_subject {
                until("it is ended", async || !is_in(&cluster.store, &second).await).await;
            } else {
                sleep(Duration::from_secs(2)).await;
                assert!(is_in(&cluster.store, &second).await);
            }
        }
    }
}
