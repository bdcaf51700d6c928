//! A session from its first change to its end.

use http::StatusCode;

use crate::support::Cluster;

#[tokio::test]
async fn a_visitor_who_stores_nothing_leaves_nothing() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    for _ in 0..100 {
        assert_eq!(browser.get("/plain").await.set_cookie(), None);
        assert_eq!(browser.get("/me").await.set_cookie(), None);
        assert_eq!(browser.post("/renew", "").await.set_cookie(), None);
        assert_eq!(browser.post("/destroy", "").await.set_cookie(), None);
        assert_eq!(browser.post("/logout", "").await.set_cookie(), None);
    }
    assert!(cluster.store.is_empty());
    assert_eq!(node.faults.calls(), 0, "and there was no store command");
}

#[tokio::test]
async fn the_first_change_creates_a_session() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    let response = browser.post("/visit", "").await;
    assert_eq!((response.status, &*response.body), (StatusCode::OK, "1"));
    assert_eq!(browser.post("/visit", "").await.body, "2");
    assert_eq!(cluster.store.len(), 1);
    assert_eq!(response.set_cookie().is_some(), browser.post("/visit", "").await.set_cookie().is_none());
}

#[tokio::test]
async fn one_node_reads_what_another_has_saved() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut browser = one.browser();
    browser.login("ada").await;
    browser.post("/visit", "").await;
    assert_eq!(browser.on(&two).me().await.unwrap(), "ada 1");
}

#[tokio::test]
async fn logging_in_renews_the_id_and_keeps_the_data() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.post("/visit", "").await;
    let before = browser.clone();
    browser.login("ada").await;
    assert_ne!(browser.session(), before.session());
    assert_eq!(browser.me().await.unwrap(), "ada 1");
    assert_eq!(before.clone().me().await, Err(StatusCode::UNAUTHORIZED), "the old id is of no use");
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test]
async fn a_destroyed_session_has_ended_and_its_cookie_is_removed() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    let mut thief = browser.clone();
    let response = browser.post("/destroy", "").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(browser.cookie("__Host-id"), None);
    assert!(cluster.store.is_empty());
    assert_eq!(thief.me().await, Err(StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn the_id_of_an_ended_session_is_never_used_again() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let mut stale = browser.clone();
    browser.post("/logout", "").await;
    let old = stale.session();
    assert_eq!(stale.post("/visit", "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stale.session(), old);
    stale.login("eve").await;
    assert_ne!(stale.session(), old);
    let mut planted = node.browser();
    planted.set_cookie("__Host-id", &old);
    planted.login("mallory").await;
    assert_ne!(planted.session(), old);
    assert_eq!(cluster.store.len(), 2);
}

#[tokio::test]
async fn changes_after_the_end_belong_to_a_new_session() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    browser.post("/visit", "").await;
    let mut before = browser.clone();
    browser.post("/start-over", "").await;
    assert_ne!(browser.session(), before.session());
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED), "the old data is dropped");
    assert_eq!(before.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_during_a_write_stays_ended() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut browser = one.browser();
    browser.login("ada").await;
    let (mut slow, mut same, mut other) = (browser.clone(), browser.clone(), browser.on(&two));
    let (late, also_late, logout) =
        tokio::join!(slow.post("/slow-visit", ""), other.post("/slow-visit", ""), async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            same.post("/logout", "").await
        },);
    assert_eq!(logout.status, StatusCode::NO_CONTENT);
    for response in [late, also_late] {
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "the change was not saved");
        assert_eq!(response.set_cookie(), None);
    }
    assert!(cluster.store.is_empty());
}

#[tokio::test]
async fn a_request_that_only_reads_succeeds_if_its_session_ends_in_the_meantime() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    cluster.clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}
