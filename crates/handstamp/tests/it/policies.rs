//! Policies of outages and conflicts.

use std::time::Duration;

use handstamp::{OutagePolicy, SessionLayer};
use handstamp_testkit::until;
use http::StatusCode;

use crate::support::{Browser, Cluster, Node, User, app, config};

async fn logged_in(cluster: &Cluster, outage: OutagePolicy) -> (Node, Browser) {
    let node = cluster.node_with(config().session_outage(outage)).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    (node, browser)
}

/// The store cannot be reached, and the node cannot prove that its cache is up to date.
async fn outage(cluster: &Cluster, node: &Node) {
    node.faults.fail();
    until("the node knows", async || !node.sessions.is_healthy()).await;
    cluster.clock.advance(Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn serve_stale_serves_the_cache_for_a_while() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::ServeStale(Duration::from_secs(10))).await;
    let mut stranger = cluster.node().await.browser();
    stranger.login("bob").await;
    let mut stranger = stranger.on(&node);
    outage(&cluster, &node).await;
    let calls = node.faults.calls();
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(node.faults.calls(), calls, "a store that is known to be unreachable is not queried");
    assert_eq!(stranger.me().await, Err(StatusCode::SERVICE_UNAVAILABLE), "this session is not in the cache");
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.me().await.unwrap(), "ada 0", "a failed write changes nothing");
    assert!(node.sessions.is_ready());
    cluster.clock.advance(Duration::from_secs(8));
    assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
    assert!(!node.sessions.is_ready());
}

/// A session whose logout has failed has ended on this node, under every policy.
#[tokio::test(start_paused = true)]
async fn a_logout_in_an_outage_takes_effect_on_this_node() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::ServeStale(Duration::from_secs(10))).await;
    let mut thief = browser.clone();
    outage(&cluster, &node).await;
    let response = browser.post("/logout", "").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(thief.me().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn fail_rejects_all_requests_for_sessions() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    outage(&cluster, &node).await;
    assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
    assert!(!node.sessions.is_ready());
    assert_eq!(browser.get("/plain").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn anonymous_treats_visitors_as_if_they_had_no_session() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Anonymous).await;
    outage(&cluster, &node).await;
    let session = browser.session();
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    assert!(node.sessions.is_ready());
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::SERVICE_UNAVAILABLE, "no new session");
    assert_eq!(browser.session(), session);
    node.faults.work();
    until("the node knows", async || node.sessions.is_healthy()).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

/// During an outage the visitor is anonymous; the session must still be there when the outage ends.
#[tokio::test(start_paused = true)]
async fn an_anonymous_visitor_gets_no_new_session_when_the_outage_ends_during_the_request() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Anonymous).await;
    outage(&cluster, &node).await;
    let session = browser.session();
    let mut slow = browser.clone();
    let recovery = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.faults.work();
    };
    let (response, ()) = tokio::join!(slow.post("/slow-visit", ""), recovery);
    assert_eq!((response.status, response.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.session(), session);
    until("the node knows", async || node.sessions.is_healthy()).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn a_layer_can_have_a_policy_of_its_own() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    let layer =
        SessionLayer::<User>::new(&node.sessions).outage(OutagePolicy::ServeStale(Duration::from_secs(10)));
    let node = Node { app: app(&node.sessions).layer(layer), ..node };
    let mut elsewhere = browser.on(&node);
    outage(&cluster, &node).await;
    assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(elsewhere.me().await.unwrap(), "ada 0");
}

/// Another node keeps changing the session, so that no attempt succeeds.
#[tokio::test(start_paused = true)]
async fn exhausted_replays_get_the_configured_status() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    node.faults.always_conflict();
    let layer = SessionLayer::<User>::new(&node.sessions).conflict_status(StatusCode::SERVICE_UNAVAILABLE);
    let unavailable = Node { app: app(&node.sessions).layer(layer), ..node.clone() };
    for (node, status) in [(&node, StatusCode::CONFLICT), (&unavailable, StatusCode::SERVICE_UNAVAILABLE)] {
        let response = browser.on(node).post("/visit", "").await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.set_cookie(), None);
    }
    node.faults.work();
    assert_eq!(browser.on(&node).me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn the_last_writer_wins_if_that_is_configured() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    let layer = SessionLayer::<User>::new(&node.sessions).last_writer_wins();
    let overwriting = Node { app: app(&node.sessions).layer(layer), ..node.clone() };
    let mut slow = browser.on(&overwriting);
    let (response, _) = tokio::join!(slow.post("/slow-visit", ""), browser.post("/visit", ""));
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(browser.me().await.unwrap(), "ada 1", "one of two visits is lost");
    browser.post("/logout", "").await;
    assert_eq!(slow.me().await, Err(StatusCode::UNAUTHORIZED), "but no logout");
}
