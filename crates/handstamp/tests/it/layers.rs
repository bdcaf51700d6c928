//! K10: how layers interpret requests.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{get, post};
use handstamp::{Session, SessionLayer};
use http::{HeaderMap, StatusCode};

use crate::support::*;

/// One is invalid: it was planted, or is stale. The other one counts, in any position.
#[tokio::test]
async fn k10_of_two_valid_cookies_the_one_whose_session_is_alive_counts() {
    let cluster = Cluster::new();
    let (node, mut ada) = logged_in(&cluster).await;
    let mut bob = node.browser();
    bob.login("bob").await;
    let (alive, dead) = (ada.session(), bob.session());
    bob.post("/logout", "").await;
    let with = |request: http::request::Builder, pair: [&str; 2]| {
        let header = format!("__Host-id={}; __Host-id={}", pair[0], pair[1]);
        request.header("cookie", header).body(Body::empty()).unwrap()
    };
    for pair in [[&*alive, &*dead], [&dead, &alive]] {
        for cached in [true, false] {
            for path in ["/me", "/me/fresh", "/peek"] {
                if !cached {
                    node.sessions.clear_local_cache();
                }
                let response = node.browser().send(with(Request::get(path), pair)).await;
                assert!(response.body.starts_with("ada"), "{path}: {}", response.body);
            }
        }
    }
    let pair = [&*dead, &*alive];
    assert_eq!(node.browser().send(with(Request::post("/visit"), pair)).await.body, "1");
    assert_eq!(ada.me().await.unwrap(), "ada 1");
    let logout = node.browser().send(with(Request::post("/logout"), pair)).await;
    assert_eq!(logout.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.me().await, Err(StatusCode::UNAUTHORIZED));
}

/// The owner of the request cannot be determined, but that is no error.
#[tokio::test]
async fn k10_two_valid_cookies_of_live_sessions_are_no_session() {
    let cluster = Cluster::new();
    let (node, ada) = logged_in(&cluster).await;
    let mut bob = node.browser();
    bob.login("bob").await;
    let header = format!("__Host-id={}; __Host-id={}", ada.session(), bob.session());
    let request = || Request::get("/me").header("cookie", &header).body(Body::empty()).unwrap();
    assert_eq!(node.browser().send(request()).await.status, StatusCode::UNAUTHORIZED);
    node.sessions.clear_local_cache();
    node.faults.fail();
    assert_eq!(node.browser().send(request()).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// A layer on a nested router, and one on its parent.
#[tokio::test]
async fn k10_a_layer_inside_another_uses_its_session() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let layer = SessionLayer::<User>::new(&node.sessions);
    let count = from_fn(async |session: Session<User>, request: Request, next: Next| {
        session.update(|user| user.visits += 10);
        next.run(request).await
    });
    let nested = Router::new()
        .route("/visit", post(async |session: Session<User>| session.update(|user| user.visits += 1)))
        .layer(layer.clone());
    let reads = get(async |session: Session<User>| session.get().visits.to_string());
    let app = Router::new().nest("/nested", nested).layer(count).route("/", reads).layer(layer);
    let mut browser = Node { app, ..node }.browser();
    for expected in ["11", "22"] {
        let response = browser.post("/nested/visit", "").await;
        assert!(response.headers.get_all("set-cookie").iter().count() <= 1);
        assert_eq!(browser.get("/").await.body, expected);
    }
    assert_eq!(cluster.store.len(), 1);
}

/// F21, S95: services behind the layer that log headers do not log the credential.
#[tokio::test]
async fn k10_the_cookies_of_a_request_are_marked_as_sensitive() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let app = Router::new()
        .route("/", get(async |headers: HeaderMap| format!("{headers:?}")))
        .layer(SessionLayer::<User>::new(&node.sessions));
    let request = Request::get("/")
        .header("cookie", format!("__Host-id={}", browser.session()))
        .header("cookie", "other=canary")
        .body(Body::empty())
        .unwrap();
    let shown = Node { app, ..node }.browser().send(request).await.body;
    assert!(shown.contains("Sensitive") && !shown.contains("canary"), "{shown}");
    assert!(!shown.contains(&browser.session()));
}

/// A layer for another cookie is between two layers for the same cookie, all of the same type.
#[tokio::test]
async fn k10_a_layer_uses_the_session_of_an_outer_layer() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let outer = SessionLayer::<User>::new(&node.sessions);
    let other = outer.clone().cookie_name("other").unwrap();
    let count = from_fn(async |session: Session<User>, request: Request, next: Next| {
        session.update(|user| user.visits += 10);
        next.run(request).await
    });
    let visit = post(async |session: Session<User>| session.update(|user| user.visits += 1));
    let reads = get(async |session: Session<User>| session.get().visits.to_string());
    let app = Router::new()
        .route("/visit", visit)
        .layer(outer.clone())
        .layer(count.clone())
        .layer(other.clone())
        .layer(count)
        .route("/other", reads.clone().layer(other))
        .route("/", reads)
        .layer(outer);
    let mut browser = Node { app, ..node }.browser();
    for expected in [["11", "10"], ["22", "20"]] {
        let response = browser.post("/visit", "").await;
        assert_eq!(
            response.headers.get_all("set-cookie").iter().count(),
            if expected[0] == "11" { 2 } else { 0 }
        );
        assert_eq!([browser.get("/").await.body, browser.get("/other").await.body], expected);
    }
    assert_eq!(cluster.store.len(), 2);
}

/// Layers for two cookies around layers for the same two, all of the same type: the session in use is that of the innermost one.
#[tokio::test]
async fn k10_two_layers_inside_the_same_two_create_no_other_session() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let one = SessionLayer::<User>::new(&node.sessions);
    let two = one.clone().cookie_name("two").unwrap();
    let visit = || post(async |session: Session<User>| session.update(|user| user.visits += 1));
    let count = from_fn(async |session: Session<User>, request: Request, next: Next| {
        session.update(|user| user.visits += 10);
        next.run(request).await
    });
    let three = one.clone().cookie_name("three").unwrap();
    let both = |router: Router| router.layer(one.clone()).layer(two.clone());
    let nested = both(Router::new().route("/visit", visit()));
    let router = both(Router::new().route("/visit", visit()).nest("/nested", nested)).layer(count.clone());
    let reads = get(async |session: Session<User>| session.get().visits.to_string());
    let app = both(router.route("/", reads));
    let mut browser = Node { app, ..node.clone() }.browser();
    for (path, expected) in [("/visit", "11"), ("/nested/visit", "22"), ("/visit", "33")] {
        let response = browser.post(path, "").await;
        assert_eq!(response.status, StatusCode::OK);
        let cookies = response.headers.get_all("set-cookie").iter().count();
        assert_eq!(cookies, usize::from(expected == "11"), "{path}");
        assert_eq!(browser.get("/").await.body, expected, "{path}");
    }
    assert_eq!(cluster.store.len(), 1);
    let router = Router::new().route("/visit", visit()).layer(three.clone()).layer(count).layer(three);
    let app = both(router.layer(one.clone())).layer(one);
    let response = Node { app, ..node }.browser().post("/visit", "").await;
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 1, "a third cookie");
    assert_eq!(cluster.store.len(), 2);
}
