//! What an application may choose.

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

/// The store is away, and the node has no proof any more that its cache is up to date.
async fn outage(cluster: &Cluster, node: &Node) {
    node.faults.fail();
    until("the node knows", async || !node.sessions.is_healthy()).await;
    cluster.clock.advance(Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn an_outage_may_be_bridged_by_the_cache_for_a_while() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::ServeStale(Duration::from_secs(10))).await;
    let mut stranger = cluster.node().await.browser();
    stranger.login("bob").await;
    let mut stranger = stranger.on(&node);
    outage(&cluster, &node).await;
    let calls = node.faults.calls();
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(node.faults.calls(), calls, "who is known to be away is not asked");
    assert_eq!(stranger.me().await, Err(StatusCode::SERVICE_UNAVAILABLE), "this one was not in the cache");
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.me().await.unwrap(), "ada 0", "trying to write changes nothing");
    assert!(node.sessions.is_ready());
    cluster.clock.advance(Duration::from_secs(8));
    assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
    assert!(!node.sessions.is_ready());
}

/// What is refused is dead here, whatever the policy.
#[tokio::test(start_paused = true)]
async fn a_logout_in_an_outage_holds_on_this_node() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::ServeStale(Duration::from_secs(10))).await;
    let mut thief = browser.clone();
    outage(&cluster, &node).await;
    let answer = browser.post("/logout", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(thief.me().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_outage_may_close_the_doors() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    outage(&cluster, &node).await;
    assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE));
    assert!(!node.sessions.is_ready());
    assert_eq!(browser.get("/plain").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_outage_may_make_everybody_anonymous_who_asks_for_that() {
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

/// A visitor who is anonymous because of an outage must not lose their session to what they do when it is over.
#[tokio::test(start_paused = true)]
async fn who_is_anonymous_for_an_outage_gets_no_new_session_when_it_ends_meanwhile() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Anonymous).await;
    outage(&cluster, &node).await;
    let session = browser.session();
    let mut slow = browser.clone();
    let recovery = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.faults.work();
    };
    let (answer, ()) = tokio::join!(slow.post("/slow-visit", ""), recovery);
    assert_eq!((answer.status, answer.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.session(), session);
    until("the node knows", async || node.sessions.is_healthy()).await;
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_have_a_policy_of_its_own() {
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
async fn when_replay_is_exhausted_the_answer_is_what_was_chosen() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    node.faults.always_conflict();
    let layer = SessionLayer::<User>::new(&node.sessions).conflict_status(StatusCode::SERVICE_UNAVAILABLE);
    let unavailable = Node { app: app(&node.sessions).layer(layer), ..node.clone() };
    for (node, status) in [(&node, StatusCode::CONFLICT), (&unavailable, StatusCode::SERVICE_UNAVAILABLE)] {
        let answer = browser.on(node).post("/visit", "").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.set_cookie(), None);
    }
    node.faults.work();
    assert_eq!(browser.on(&node).me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn the_last_writer_wins_where_that_is_asked_for() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster, OutagePolicy::Fail).await;
    let layer = SessionLayer::<User>::new(&node.sessions).last_writer_wins();
    let careless = Node { app: app(&node.sessions).layer(layer), ..node.clone() };
    let mut slow = browser.on(&careless);
    let (answer, _) = tokio::join!(slow.post("/slow-visit", ""), browser.post("/visit", ""));
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(browser.me().await.unwrap(), "ada 1", "one of two visits is lost");
    browser.post("/logout", "").await;
    assert_eq!(slow.me().await, Err(StatusCode::UNAUTHORIZED), "but no logout");
}
