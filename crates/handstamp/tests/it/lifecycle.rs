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
    assert_eq!(node.faults.calls(), 0, "nobody asked the store either");
}

#[tokio::test]
async fn the_first_change_makes_a_session() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    let answer = browser.post("/visit", "").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "1"));
    assert_eq!(browser.post("/visit", "").await.body, "2");
    assert_eq!(cluster.store.len(), 1);
    assert_eq!(answer.set_cookie().is_some(), browser.post("/visit", "").await.set_cookie().is_none());
}

#[tokio::test]
async fn what_one_node_saves_another_reads() {
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
    assert_eq!(before.clone().me().await, Err(StatusCode::UNAUTHORIZED), "the old id leads nowhere");
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test]
async fn a_destroyed_session_is_over_and_its_cookie_removed() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    let mut thief = browser.clone();
    let answer = browser.post("/destroy", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(browser.cookie("__Host-id"), None);
    assert!(cluster.store.is_empty());
    assert_eq!(thief.me().await, Err(StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn an_id_that_is_gone_is_never_used_again() {
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
async fn what_comes_after_the_end_belongs_to_a_new_session() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    browser.post("/visit", "").await;
    let mut before = browser.clone();
    browser.post("/start-over", "").await;
    assert_ne!(browser.session(), before.session());
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED), "nothing of the old data is left");
    assert_eq!(before.me().await, Err(StatusCode::UNAUTHORIZED));
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_while_a_request_writes_stays_ended() {
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
    for answer in [late, also_late] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "what it says was done is not");
        assert_eq!(answer.set_cookie(), None);
    }
    assert!(cluster.store.is_empty());
}

#[tokio::test]
async fn a_touched_or_read_session_that_ends_meanwhile_answers_as_it_read() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    browser.login("ada").await;
    cluster.clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}
