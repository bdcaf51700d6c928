//! A session on its way to a new id, and a store whose replies are lost.

use std::iter::{repeat, repeat_n};
use std::time::Duration;

use handstamp_testkit::{Fault, until};
use http::StatusCode;

use crate::support::{Cluster, change_stored, logged_in, stored_record, with_default_budgets};

#[tokio::test]
async fn a_lost_reply_is_requested_again() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    for _ in 0..2 {
        let mut old = browser.clone();
        node.faults.lose_replies(1);
        node.faults.fail_tombstones([Fault::LoseReply]);
        assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(old.me().await, Err(StatusCode::UNAUTHORIZED));
        assert_eq!(cluster.store.len(), 1);
    }
}

/// It is unknown for a while whether the old record is replaced. The browser has the new id, which is valid in any case.
#[tokio::test]
async fn a_reply_that_is_lost_for_good_costs_no_session() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let mut old = browser.clone();
    node.faults.fail_tombstones([Fault::LoseReply; 2]);
    let response = browser.post("/renew", "").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.set_cookie().is_some());
    assert_ne!(browser.session(), old.session());
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    until("the old record is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(cluster.store.len(), 1);
}

/// The visitor logs out with the old id.
#[tokio::test]
async fn a_logout_during_an_unknown_replacement_ends_the_session_under_both_ids() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    node.faults.fail_tombstones([]);
    until("the new record is gone, too", async || browser.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert!(cluster.store.is_empty());
}

/// A change under the old id is in the new record, too.
#[tokio::test]
async fn a_change_during_an_unknown_replacement_moves_along() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    node.faults.fail_tombstones([]);
    until("the visit counts", async || browser.me().await == Ok("ada 1".to_owned())).await;
    until("the old record is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test]
async fn a_renewal_that_cannot_begin_leaves_everything_as_it_was() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let session = browser.session();
    node.faults.lose_replies(2);
    let response = browser.post("/renew", "").await;
    assert_eq!((response.status, response.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.session(), session);
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(cluster.store.len(), 1, "a record that may have been created is gone");
}

/// The store rejects commands for a while when it is back, as a server that loads its data does.
#[tokio::test]
async fn an_error_reply_after_a_lost_reply_costs_no_session() {
    for lost in [1, 2] {
        let cluster = Cluster::new();
        let (node, mut browser) = logged_in(&cluster).await;
        let mut old = browser.clone();
        node.faults.fail_tombstones(repeat_n(Fault::LoseReply, lost).chain([Fault::Reject; 3]));
        let calls = node.faults.calls();
        assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
        // The first call has created the new record, and after all faults, a call has succeeded.
        let expected = calls + 1 + lost + 3 + 1;
        until("the store has replied", async || node.faults.calls() >= expected).await;
        until("the old record is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(cluster.store.len(), 1);
    }
}

/// The browser uses the new id, and another request changes the session under the old one.
#[tokio::test]
async fn a_session_in_use_under_its_new_id_stays() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.on(&other).post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    node.faults.fail_tombstones([]);
    until("the old record is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 1");
    assert_eq!(cluster.store.len(), 1);
}

/// A node that is shut down makes one more attempt.
#[tokio::test]
async fn an_unknown_replacement_is_retried_once_before_a_shutdown() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.sessions.drain();
    node.faults.fail_tombstones([Fault::Fail; 2]);
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    node.sessions.shutdown().await;
    assert_eq!(old.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 1");
}

/// The visitor logs out under the new id, while the session is changed under the old one.
#[tokio::test]
async fn a_logout_under_the_new_id_ends_the_session_under_both() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(browser.on(&other).post("/logout", "").await.status, StatusCode::NO_CONTENT);
    node.faults.fail_tombstones([]);
    until("the old record is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert!(cluster.store.is_empty());
}

#[tokio::test]
async fn a_new_record_names_its_predecessor_only_until_that_is_replaced() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let old = browser.session_key();
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stored_record(&cluster, &browser).await.predecessor, Some(old));
    // A save by a node that cannot know keeps it.
    let other = cluster.node().await;
    assert_eq!(browser.on(&other).post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(stored_record(&cluster, &browser).await.predecessor, Some(old));
    node.faults.fail_tombstones([]);
    until("it names none", async || stored_record(&cluster, &browser).await.predecessor.is_none()).await;
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 1");
}

/// The node that renews the session next must not treat its old id as replaced.
#[tokio::test]
async fn a_renewal_of_a_session_that_was_logged_out_of_under_its_predecessor_ends_it() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    let response = browser.on(&other).post("/renew", "").await;
    assert_eq!((response.status, response.set_cookie()), (StatusCode::UNAUTHORIZED, None));
    assert!(cluster.store.is_empty());
}

/// In a failover, while the session was changed under the old id.
#[tokio::test]
async fn a_renewal_whose_new_record_is_lost_leaves_the_session_as_it_was() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let (before, other) = (browser.session(), browser.clone());
    let mut held = node.faults.hold_next_load();
    let lose = async {
        held.reached().await;
        change_stored(&cluster, &other, |_| ()).await;
        cluster.store.forget(&node.faults.last_created().unwrap());
        held.release();
    };
    let (response, ()) = tokio::join!(browser.post("/renew", ""), lose);
    assert_eq!((response.status, response.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!((browser.session(), browser.me().await.unwrap()), (before, "ada 0".to_owned()));
}

/// The cookie is sent although it is unknown whether the old record is replaced: earlier saves of other nodes are in the new record.
#[tokio::test]
async fn a_renewal_starts_from_the_stored_record() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let (_, elsewhere) = logged_in(&cluster).await;
    assert_eq!(elsewhere.on(&other).post("/visit", "").await.status, StatusCode::OK);
    let visited = stored_record(&cluster, &elsewhere).await;
    change_stored(&cluster, &browser, |record| record.payload = visited.payload.clone()).await;
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 1");
    assert_eq!(browser.on(&other).post("/visit", "").await.status, StatusCode::OK);
    node.faults.fail_tombstones([]);
    until("only one record is left", async || cluster.store.len() == 2).await;
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 2");
    assert_eq!(elsewhere.on(&other).me().await.unwrap(), "ada 1");
}

/// Another request has moved the session as well, and its tombstone has expired: that must not look like a logout.
#[tokio::test(start_paused = true)]
async fn a_renewal_is_settled_before_tombstones_expire() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let mut elsewhere = browser.on(&cluster.node().await);
    node.faults.fail_tombstones(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(elsewhere.post("/renew", "").await.status, StatusCode::OK);
    for second in 0..90 {
        if second == 35 {
            node.faults.fail_tombstones([]);
        }
        cluster.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for browser in [&mut browser, &mut elsewhere] {
        assert_eq!(browser.me().await.unwrap(), "ada 0");
    }
}

/// It loads the record, too, and has more time for that than a load.
#[tokio::test(start_paused = true)]
async fn a_renewal_has_the_budget_of_a_write() {
    let cluster = Cluster::new();
    let node = cluster.node_with(with_default_budgets()).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let mut held = node.faults.hold_next_load();
    let stall = async {
        held.reached().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        held.release();
    };
    let (response, ()) = tokio::join!(browser.post("/renew", ""), stall);
    assert_eq!(response.status, StatusCode::OK);
}
