//! Commits by handlers, before they respond and after that.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use handstamp::{Fresh, Session, SessionError, SessionLayer};
use handstamp_testkit::{Fault, until};
use http::StatusCode;
use parking_lot::Mutex;

use crate::support::{Browser, Cluster, Node, User};

type Kept = Arc<Mutex<Option<Session<User>>>>;

/// A node whose handlers commit by themselves.
async fn node(cluster: &Cluster, kept: &Kept) -> Node {
    let node = cluster.node().await;
    let app = Router::new()
        .route("/visit-now", post(visit_now))
        .route("/twice", post(twice))
        .route("/login-now", post(login_now))
        .route("/logout-now", post(logout_now))
        .route("/commit-twice", post(commit_twice))
        .route("/keep", post(keep))
        .route("/one-too-large", post(one_too_large))
        .route("/renew-then-look", post(renew_then_look))
        .route("/destroy-while-failing", post(destroy_while_failing))
        .route("/commit-in-a-task", post(commit_in_a_task))
        .route("/destroy-then-fresh", post(destroy_then_fresh))
        .route("/fresh", get(async |Fresh(session): Fresh<User>| session.get().visits.to_string()))
        .route("/refreshed", post(refreshed))
        .with_state(kept.clone());
    let app = app.merge(crate::support::app(&node.sessions)).layer(SessionLayer::<User>::new(&node.sessions));
    Node { app, ..node }
}

async fn visit_now(session: Session<User>) -> Result<String, StatusCode> {
    let visits = session.update_and_commit(|user| {
        user.visits += 1;
        user.visits
    });
    visits.await.map(|visits| visits.to_string()).map_err(|error| error.status())
}

async fn twice(session: Session<User>) -> String {
    session.update(|user| user.visits += 1);
    session.commit().await.unwrap();
    session.commit().await.unwrap();
    session.update(|user| user.visits += 1);
    session.get().visits.to_string()
}

async fn login_now(session: Session<User>, name: String) -> String {
    session.renew();
    session.update(move |user| user.name = Some(name));
    session.commit().await.unwrap();
    session.public_id().expect("it is stored").to_string()
}

async fn logout_now(session: Session<User>) -> Result<(), StatusCode> {
    session.destroy();
    session.commit().await.map_err(|error| error.status())?;
    assert!(session.is_new() && session.get().name.is_none());
    Ok(())
}

async fn commit_twice(session: Session<User>) {
    session.update(|user| user.visits += 1);
    let (one, other) = tokio::join!(session.commit(), session.update_and_commit(|user| user.visits += 1));
    one.unwrap();
    other.unwrap();
}

/// After an unknown outcome, the handler reads the session again.
async fn renew_then_look(session: Session<User>) -> String {
    session.renew();
    let unknown = session.commit().await.is_err();
    session.refresh().await.unwrap();
    format!("{unknown} {:?}", session.get().name)
}

/// Both changes are committed together, and one of them is at fault.
async fn one_too_large(session: Session<User>) -> String {
    let (good, bad) = tokio::join!(
        session.update_and_commit(|user| user.visits += 1),
        session.update_and_commit(|user| user.name = Some("x".repeat(100_000)))
    );
    format!("{} {} {}", good.is_ok(), bad.is_ok(), session.get().visits)
}

/// A destroy during a commit does not depend on that commit.
async fn destroy_while_failing(session: Session<User>) {
    session.update(|user| user.visits += 1);
    let late = session.clone();
    let (failed, ()) = tokio::join!(session.commit(), async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        late.destroy();
    });
    assert!(failed.is_err());
}

async fn commit_in_a_task(session: Session<User>) {
    session.update(|user| user.visits += 1);
    tokio::spawn(async move { session.commit().await });
}

/// A middleware has ended the session: the handler must not see it.
async fn destroy_then_fresh(session: Session<User>) -> String {
    session.destroy();
    session.refresh().await.unwrap();
    let name = session.get().name.clone();
    session.update(|user| user.visits = 7);
    format!("{name:?} {}", session.get().visits)
}

async fn keep(State(kept): State<Kept>, session: Session<User>) {
    *kept.lock() = Some(session);
}

async fn refreshed(session: Session<User>) -> String {
    let before = session.get().visits;
    session.update(|user| user.visits += 100);
    tokio::time::sleep(Duration::from_millis(100)).await;
    session.refresh().await.unwrap();
    format!("{before} {}", session.get().visits)
}

async fn logged_in(cluster: &Cluster) -> (Node, Browser, Kept) {
    let kept = Kept::default();
    let node = node(cluster, &kept).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    (node, browser, kept)
}

#[tokio::test(start_paused = true)]
async fn the_value_of_update_and_commit_is_final() {
    let cluster = Cluster::new();
    let (node, browser, _) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut visits = tokio::task::JoinSet::new();
    for number in 0..40 {
        let mut browser = if number % 2 == 0 { browser.clone() } else { browser.on(&other) };
        let path = if number % 2 == 0 { "/visit-now" } else { "/visit" };
        visits.spawn(async move { (path, browser.post(path, "").await) });
    }
    let mut seen = Vec::new();
    for (path, response) in visits.join_all().await {
        assert_eq!(response.status, StatusCode::OK);
        if path == "/visit-now" {
            seen.push(response.body);
        }
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "two requests got the same number");
    until("all visits count", async || browser.on(&node).me().await == Ok("ada 40".to_owned())).await;
}

#[tokio::test]
async fn a_committed_change_is_not_committed_again() {
    let cluster = Cluster::new();
    let (_, mut browser, _) = logged_in(&cluster).await;
    assert_eq!(browser.post("/twice", "").await.body, "2");
    assert_eq!(browser.me().await.unwrap(), "ada 2");
    assert_eq!(browser.post("/commit-twice", "").await.status, StatusCode::OK);
    assert_eq!(browser.me().await.unwrap(), "ada 4");
}

#[tokio::test]
async fn a_session_that_is_committed_early_gets_its_cookie_with_the_response() {
    let cluster = Cluster::new();
    let (node, ..) = logged_in(&cluster).await;
    let mut browser = node.browser();
    let response = browser.post("/login-now", "bob").await;
    assert_eq!(response.body.len(), 22, "the public id of the new session");
    assert_eq!(browser.me().await.unwrap(), "bob 0");
    let old = browser.clone();
    browser.post("/login-now", "bob").await;
    assert_eq!(old.clone().me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(browser.me().await.unwrap(), "bob 0");
    let response = browser.post("/logout-now", "").await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(response.set_cookie().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn a_commit_reports_the_end_of_the_session_to_the_handler() {
    let cluster = Cluster::new();
    let (node, mut browser, _) = logged_in(&cluster).await;
    let other = cluster.node().await;
    let mut late = browser.clone();
    late.me().await.unwrap();
    assert!(browser.on(&other).post("/logout", "").await.status.is_success());
    until("the other node receives the message", async || node.sessions.bus_stats().received > 0).await;
    let response = browser.post("/visit-now", "").await;
    assert_eq!((response.status, response.set_cookie()), (StatusCode::UNAUTHORIZED, None));
}

#[tokio::test]
async fn a_failed_commit_discards_its_changes() {
    let cluster = Cluster::new();
    let (node, mut browser, _) = logged_in(&cluster).await;
    node.faults.fail();
    assert_eq!(browser.post("/visit-now", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    node.faults.work();
    until("the node knows", async || node.sessions.is_healthy()).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

/// As a WebSocket's handler does.
#[tokio::test]
async fn a_session_outlives_its_response() {
    let cluster = Cluster::new();
    let (_, mut browser, kept) = logged_in(&cluster).await;
    browser.post("/keep", "").await;
    let session = kept.lock().take().unwrap();
    assert_eq!(session.update_and_commit(|user| user.visits + 1).await.unwrap(), 1);
    assert_eq!(session.update_and_commit(|user| std::mem::replace(&mut user.visits, 5)).await.unwrap(), 0);
    assert_eq!(browser.me().await.unwrap(), "ada 5");
    browser.post("/visit", "").await;
    session.refresh().await.unwrap();
    assert_eq!(session.get().visits, 6);
    session.renew();
    assert!(matches!(session.commit().await, Err(SessionError::ResponseAlreadySent)));
    session.destroy();
    session.commit().await.unwrap();
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    assert!(matches!(
        session.update_and_commit(|user| user.visits).await,
        Err(SessionError::ResponseAlreadySent)
    ));
    assert!(cluster.store.is_empty());
}

#[tokio::test]
async fn a_fresh_session_is_read_from_the_store() {
    let cluster = Cluster::new();
    let (node, mut browser, _) = logged_in(&cluster).await;
    browser.me().await.unwrap();
    let calls = node.faults.calls();
    assert_eq!(browser.get("/fresh").await.body, "0");
    assert_eq!(node.faults.calls(), calls + 1, "it was not read from the cache");
    node.faults.fail();
    assert_eq!(browser.get("/fresh").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.me().await.unwrap(), "ada 0", "the cache still serves it");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_keeps_the_changes_of_the_request() {
    let cluster = Cluster::new();
    let (_, mut browser, _) = logged_in(&cluster).await;
    let mut slow = browser.clone();
    let (response, _) = tokio::join!(slow.post("/refreshed", ""), browser.post("/visit", ""));
    assert!(response.body.ends_with(" 101"), "{}", response.body);
    assert_eq!(browser.me().await.unwrap(), "ada 101");
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_not_created_again_from_its_old_data() {
    let cluster = Cluster::new();
    let (_, mut browser, _) = logged_in(&cluster).await;
    let mut slow = browser.clone();
    let (response, _) = tokio::join!(slow.post("/refreshed", ""), browser.post("/logout", ""));
    assert_eq!(response.body, "0 0");
    assert_eq!(response.set_cookie(), None);
    assert!(cluster.store.is_empty());
}

#[tokio::test]
async fn changes_of_one_batch_fail_together_and_report_it() {
    let cluster = Cluster::new();
    let (_, mut browser, _) = logged_in(&cluster).await;
    assert_eq!(browser.post("/one-too-large", "").await.body, "false false 0");
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_does_not_discard_a_logout() {
    let cluster = Cluster::new();
    let (node, mut browser, _) = logged_in(&cluster).await;
    let mut thief = browser.clone();
    // Until its budget is used up.
    node.faults.always_conflict();
    assert_eq!(browser.post("/destroy-while-failing", "").await.status, StatusCode::OK);
    assert!(cluster.store.is_empty());
    assert_eq!(thief.me().await, Err(StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn a_commit_in_a_task_is_in_time_until_the_response_is_sent() {
    let cluster = Cluster::new();
    let (node, ..) = logged_in(&cluster).await;
    for _ in 0..50 {
        let mut visitor = node.browser();
        assert_eq!(visitor.post("/commit-in-a-task", "").await.status, StatusCode::OK);
        assert_eq!(visitor.get("/fresh").await.body, "1");
    }
}

#[tokio::test]
async fn a_refresh_does_not_bring_an_ended_session_back() {
    let cluster = Cluster::new();
    let (_, mut browser, _) = logged_in(&cluster).await;
    let before = browser.session();
    assert_eq!(browser.post("/destroy-then-fresh", "").await.body, "None 7");
    assert_ne!(browser.session(), before);
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test]
async fn a_session_continues_under_the_new_id_of_an_unknown_renewal() {
    let cluster = Cluster::new();
    let (node, mut browser, _) = logged_in(&cluster).await;
    let before = browser.session();
    node.faults.fail_tombstones([Fault::LoseReply; 2]);
    assert_eq!(browser.post("/renew-then-look", "").await.body, "true Some(\"ada\")");
    assert_ne!(browser.session(), before);
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}
