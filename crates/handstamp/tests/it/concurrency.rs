//! Many requests and one session.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use futures_util::FutureExt;
use handstamp::{Session, SessionData, SessionLayer};
use handstamp_testkit::until;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::support::{Browser, Cluster, Node, User, app, change_stored, logged_in};

async fn all_at_once(
    browsers: impl IntoIterator<Item = (Browser, &'static str)>,
) -> Vec<(Browser, StatusCode)> {
    let mut requests = JoinSet::new();
    for (mut browser, path) in browsers {
        requests.spawn(async move {
            let status = browser.post(path, "").await.status;
            (browser, status)
        });
    }
    requests.join_all().await
}

fn spread<'n>(browser: &'n Browser, nodes: &'n [Node]) -> impl Iterator<Item = Browser> + 'n {
    nodes.iter().cycle().map(|node| browser.on(node))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost() {
    let cluster = Cluster::new();
    let nodes = [cluster.node().await, cluster.node().await, cluster.node().await];
    let mut browser = nodes[0].browser();
    browser.login("ada").await;
    let requests = spread(&browser, &nodes).take(300).map(|browser| (browser, "/slow-visit"));
    let responses = all_at_once(requests).await;
    assert!(responses.iter().all(|(_, status)| *status == StatusCode::OK));
    // The last message to this node may still be in flight.
    let mut elsewhere = browser.on(&nodes[1]);
    until("all visits count", async || elsewhere.me().await == Ok("ada 300".to_owned())).await;
}

/// Requests of a node that wait for the same session are saved together: the first, and then all others.
#[tokio::test(start_paused = true)]
async fn updates_that_wait_for_each_other_share_a_save() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let calls = node.faults.calls();
    node.faults.hang();
    let requests = all_at_once((0..100).map(|_| (browser.clone(), "/visit")));
    let release = async {
        until("a save is at the store", async || node.faults.calls() > calls).await;
        tokio::task::yield_now().await;
        node.faults.work();
    };
    let (responses, ()) = tokio::join!(requests, release);
    assert!(responses.iter().all(|(_, status)| *status == StatusCode::OK));
    assert_eq!(browser.me().await.unwrap(), "ada 100");
    assert!(node.faults.calls() - calls < 10, "{} calls", node.faults.calls() - calls);
}

/// A save that is too large does not fail the saves in its group.
#[tokio::test(start_paused = true)]
async fn of_the_saves_in_a_group_only_the_faulty_one_fails() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let (calls, mut requests) = (node.faults.calls(), JoinSet::new());
    node.faults.hang();
    for path in ["/visit", "/visit", "/grow", "/visit", "/panic-later", "/visit"] {
        let mut browser = browser.clone();
        requests.spawn(async move { (path, browser.post(path, "").await.status) });
    }
    until("a save is at the store", async || node.faults.calls() > calls).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    node.faults.work();
    for (path, status) in requests.join_all().await {
        let expected = if path == "/visit" { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
        assert_eq!(status, expected, "{path}");
    }
    assert_eq!(browser.me().await.unwrap(), "ada 4");
}

/// Each run changes the record in the store, twice, so that the save that follows has a conflict.
#[tokio::test]
async fn every_run_of_a_change_has_the_values_that_it_has_captured() {
    let cluster = Arc::new(Cluster::new());
    let (node, mut browser) = logged_in(&cluster).await;
    let runs = Arc::new(Mutex::new(Vec::new()));
    let captured = (cluster.clone(), browser.clone(), runs.clone());
    let change = post(async move |session: Session<User>| {
        let (cluster, browser, runs) = captured.clone();
        let (text, mut counter) = ("pen".to_owned(), 0);
        session.update(move |user| {
            counter += 1;
            user.visits += counter;
            let mut runs = runs.lock().unwrap();
            runs.push(text);
            if runs.len() < 3 {
                let changed = change_stored(&cluster, &browser, |_| ()).now_or_never();
                changed.expect("a store in memory replies at once");
            }
        });
    });
    let app = Router::new().route("/change", change).layer(SessionLayer::<User>::new(&node.sessions));
    let response = browser.on(&Node { app, ..node }).post("/change", "").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(*runs.lock().unwrap(), ["pen"; 3]);
    assert_eq!(browser.me().await.unwrap(), "ada 1", "the counter starts with its captured value");
}

/// The change runs again on the default value.
#[tokio::test]
async fn a_change_that_switches_the_subject_has_the_values_that_it_has_captured() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let switch = async |session: Session<User>, name: String| {
        session.update(move |user| *user = User { name: Some(name), visits: user.visits + 1 });
    };
    let app = app(&node.sessions).route("/switch", post(switch));
    let app = app.layer(SessionLayer::<User>::new(&node.sessions));
    let mut browser = browser.on(&Node { app, ..node });
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(browser.post("/switch", "bob").await.status, StatusCode::OK);
    assert_eq!(browser.me().await.unwrap(), "bob 1");
}

/// A leader that panics must not leave a queue without a leader.
#[tokio::test]
async fn a_session_can_be_written_after_a_panic() {
    #[derive(Clone, Default, Deserialize)]
    struct Fragile {
        breaks: bool,
    }
    impl Serialize for Fragile {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(!self.breaks, "it breaks");
            BTreeMap::from([("breaks", false)]).serialize(serializer)
        }
    }
    impl SessionData for Fragile {}

    let cluster = Cluster::new();
    let node = cluster.bare_node().await;
    let app = Router::new()
        .route("/good", post(async |session: Session<Fragile>| session.update(|_| ())))
        .route("/bad", post(async |session: Session<Fragile>| session.update(|data| data.breaks = true)))
        .layer(SessionLayer::<Fragile>::new(&node.sessions));
    let mut browser = Node { app, ..node }.browser();
    for (path, status) in [("/good", 200), ("/bad", 500), ("/good", 200)] {
        assert_eq!(browser.post(path, "").await.status.as_u16(), status, "{path}");
    }
}

/// A renewal gets its turn among updates that never end.
#[tokio::test(start_paused = true)]
async fn a_renewal_is_not_starved_by_updates() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    node.faults.delay(Duration::from_millis(10));
    let stop = Arc::new(AtomicBool::new(false));
    let current = Arc::new(Mutex::new(browser.clone()));
    let mut updates = JoinSet::new();
    for _ in 0..8 {
        let (current, stop) = (current.clone(), stop.clone());
        updates.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let mut browser = current.lock().unwrap().clone();
                browser.post("/visit", "").await;
                tokio::task::yield_now().await;
            }
        });
    }
    for _ in 0..10 {
        let before = browser.session();
        assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
        assert_ne!(browser.session(), before);
        *current.lock().unwrap() = browser.clone();
    }
    stop.store(true, Ordering::Relaxed);
    updates.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_renewals_of_one_session_lead_to_one_session() {
    let cluster = Cluster::new();
    let nodes = [cluster.node().await, cluster.node().await];
    let mut browser = nodes[0].browser();
    browser.login("ada").await;
    let requests = spread(&browser, &nodes).take(20).map(|browser| (browser, "/renew"));
    let responses = all_at_once(requests).await;
    let mut alive = std::collections::BTreeSet::new();
    for (mut browser, status) in responses {
        assert!(matches!(status.as_u16(), 200 | 401 | 409), "{status}");
        if browser.cookie("__Host-id").is_some() && browser.me().await.is_ok() {
            alive.insert(browser.session());
        }
    }
    assert_eq!(alive.len(), 1);
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_races_with_a_renewal_moves_along_or_is_rejected() {
    for _ in 0..20 {
        let cluster = Cluster::new();
        let nodes = [cluster.node().await, cluster.node().await];
        let mut browser = nodes[0].browser();
        browser.login("ada").await;
        let updates = spread(&browser, &nodes).take(6).map(|browser| (browser, "/visit"));
        let renewal = [(browser.clone(), "/renew")];
        let responses = all_at_once(updates.chain(renewal)).await;
        // A request after the renewal has an id that is gone, and begins another session.
        let kept = responses.iter().filter(|(after, status)| {
            *status == StatusCode::OK && after.cookie("__Host-id") == browser.cookie("__Host-id")
        });
        let kept = kept.count();
        let mut renewed = Vec::new();
        for (mut after, _) in responses {
            if after.session_is_new(&browser) {
                renewed.extend(after.me().await.ok());
            }
        }
        assert_eq!(renewed, [format!("ada {kept}")]);
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    }
}

impl Browser {
    fn session_is_new(&self, before: &Browser) -> bool {
        self.cookie("__Host-id").is_some_and(|session| session != before.session())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_among_writes_is_final() {
    for _ in 0..20 {
        let cluster = Cluster::new();
        let nodes = [cluster.node().await, cluster.node().await];
        let mut browser = nodes[0].browser();
        browser.login("ada").await;
        let writes = spread(&browser, &nodes).take(8).map(|browser| (browser, "/visit"));
        let ends =
            [(browser.clone(), "/renew"), (browser.clone(), "/logout"), (browser.on(&nodes[1]), "/visit")];
        all_at_once(writes.chain(ends)).await;
        assert!(cluster.store.is_empty(), "also under a new id");
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    }
}

#[tokio::test]
async fn users_never_see_each_other() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browsers = [node.browser(), node.browser()];
    browsers[0].login("ada").await;
    browsers[1].login("bob").await;
    for round in 0..200 {
        let (ada, bob) = browsers.split_at_mut(1);
        assert_eq!(ada[0].me().await.unwrap(), format!("ada {round}"));
        assert_eq!(bob[0].me().await.unwrap(), format!("bob {round}"));
        assert_eq!(node.browser().me().await, Err(StatusCode::UNAUTHORIZED));
        ada[0].post("/visit", "").await;
        bob[0].post("/visit", "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_has_begun_is_finished_when_the_client_disconnects() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    node.faults.hang();
    let calls = node.faults.calls();
    let mut impatient = browser.clone();
    let request = impatient.post("/visit", "");
    tokio::time::timeout(Duration::from_millis(50), request).await.expect_err("the store hangs");
    assert_eq!(node.faults.calls(), calls + 1, "the commit had begun");
    node.faults.work();
    until("the visit counts", async || browser.me().await == Ok("ada 1".to_owned())).await;
}

/// A server may be stopped by neither polling nor dropping it.
#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_response_that_is_not_polled() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    node.faults.hang();
    let mut request = std::pin::pin!(browser.post("/visit", ""));
    tokio::time::timeout(Duration::from_millis(50), request.as_mut()).await.expect_err("the store hangs");
    node.faults.work();
    tokio::time::timeout(Duration::from_mins(1), node.sessions.shutdown()).await.expect("it ends");
}
