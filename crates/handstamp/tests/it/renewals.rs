//! A session on its way to a new id, and a store that loses answers.

use std::iter::{repeat, repeat_n};

use handstamp_testkit::{Fault, until};
use http::StatusCode;

use crate::support::{Cluster, logged_in};

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    for _ in 0..2 {
        let mut old = browser.clone();
        node.faults.lose_answers(1);
        node.faults.next_retirements([Fault::Lose]);
        assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(old.me().await, Err(StatusCode::UNAUTHORIZED));
        assert_eq!(cluster.store.len(), 1);
    }
}

/// Nobody knows for a while whether the old id is retired. The browser has the new one, which is good in any case.
#[tokio::test]
async fn an_answer_that_is_lost_for_good_costs_no_session() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let mut old = browser.clone();
    node.faults.next_retirements([Fault::Lose; 2]);
    let answer = browser.post("/renew", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.set_cookie().is_some());
    assert_ne!(browser.session(), old.session());
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    until("the old one is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(cluster.store.len(), 1);
}

/// Who logs out meanwhile, with the old id, logs out.
#[tokio::test]
async fn a_logout_while_nobody_knows_ends_the_session_under_both_ids() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.next_retirements(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    node.faults.next_retirements([]);
    until("the new one is gone, too", async || browser.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert!(cluster.store.is_empty());
}

/// What is changed under the old id meanwhile moves along.
#[tokio::test]
async fn a_change_while_nobody_knows_moves_along() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.next_retirements(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    node.faults.next_retirements([]);
    until("the visit counts", async || browser.me().await == Ok("ada 1".to_owned())).await;
    until("the old one is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test]
async fn a_renewal_that_cannot_begin_leaves_everything_as_it_was() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let session = browser.session();
    node.faults.lose_answers(2);
    let answer = browser.post("/renew", "").await;
    assert_eq!((answer.status, answer.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.session(), session);
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(cluster.store.len(), 1, "what may have been made is gone");
}

/// The store refuses for a while when it is back, as one that still loads its data does.
#[tokio::test]
async fn a_refusal_after_a_lost_answer_costs_no_session() {
    for lost in [1, 2] {
        let cluster = Cluster::new();
        let (node, mut browser) = logged_in(&cluster).await;
        let mut old = browser.clone();
        node.faults.next_retirements(repeat_n(Fault::Lose, lost).chain([Fault::Refuse; 3]));
        let calls = node.faults.calls();
        assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
        // One has made the new record, and after all faults one has worked.
        let expected = calls + 1 + lost + 3 + 1;
        until("the store has answered", async || node.faults.calls() == expected).await;
        until("the old one is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(cluster.store.len(), 1);
    }
}

/// The browser goes by the new id, and somebody changes the session under the old one.
#[tokio::test]
async fn a_session_in_use_under_its_new_id_stays() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.next_retirements(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.on(&other).post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    node.faults.next_retirements([]);
    until("the old one is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 1");
    assert_eq!(cluster.store.len(), 1);
}

/// A node that is shut down does what it can.
#[tokio::test]
async fn what_is_unknown_is_asked_for_once_more_before_a_shutdown() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.runtime.drain();
    node.faults.next_retirements([Fault::Fail; 2]);
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    node.runtime.shutdown().await;
    assert_eq!(old.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(browser.on(&other).me().await.unwrap(), "ada 1");
}

/// Who logs out under the new id, while the session is changed under the old one, logs out.
#[tokio::test]
async fn a_logout_under_the_new_id_ends_the_session_under_both() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut old = browser.on(&other);
    node.faults.next_retirements(repeat(Fault::Fail));
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(browser.on(&other).post("/logout", "").await.status, StatusCode::NO_CONTENT);
    node.faults.next_retirements([]);
    until("the old one is gone", async || old.me().await == Err(StatusCode::UNAUTHORIZED)).await;
    assert!(cluster.store.is_empty());
}
