//! The routes of the library.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use handstamp::store::{MemoryBus, MemoryStore};
use handstamp::{OutagePolicy, SessionLayer, SessionRoutes, Sessions};
use handstamp_testkit::{FaultyStore, ShardLayout, ShardedBus, ShardedStore, until};
use http::{Method, Request, StatusCode};

use crate::support::{Browser, ClientResponse, Cluster, Node, User, app, config};

fn post(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::post(path).header("host", "shop.example");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn health_is_one_json_object() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    let response = browser.get("/health").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.body, r#"{"status":"ok","redis":true,"coordinator_running":true,"cache_size":1}"#);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.set_cookie(), None);
}

#[tokio::test(start_paused = true)]
async fn health_reports_an_outage_and_its_end_without_a_store_command() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    node.faults.fail();
    until("the outage is noticed", async || browser.get("/health").await.status != StatusCode::OK).await;
    let calls = node.faults.calls();
    let response = browser.get("/health").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        response.body,
        r#"{"status":"unhealthy","redis":false,"coordinator_running":true,"cache_size":0}"#
    );
    assert_eq!(browser.get("/health/ready").await.status, StatusCode::OK, "cached sessions can be read");
    cluster.clock.advance(Duration::from_secs(30));
    assert_eq!(browser.get("/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/health/live").await.status, StatusCode::OK, "no reason to restart");
    assert_eq!(node.faults.calls(), calls);
    node.faults.work();
    until("it is over", async || browser.get("/health").await.status == StatusCode::OK).await;
    assert_eq!(browser.get("/health/ready").await.status, StatusCode::OK);
}

/// A node whose store consists of two shards.
#[tokio::test(start_paused = true)]
async fn health_is_degraded_while_a_shard_cannot_be_reached() {
    let layout = ShardLayout::new(2);
    let buses = [(); 2].map(|()| MemoryBus::new());
    let [one, other] = buses.clone().map(|bus| FaultyStore::new(MemoryStore::new(bus)));
    let (store, faults) = (ShardedStore::new(&layout, [one.0, other.0]), [one.1, other.1]);
    let config = config().session_outage(OutagePolicy::Fail);
    let sessions = Sessions::start_with(config, store, ShardedBus::new(&layout, buses)).await.unwrap();
    let mut browser = Node { app: app(&sessions), sessions, faults: faults[0].clone() }.browser();
    let mut expect = async |status, redis: bool, ready| {
        until(status, async || browser.get("/health").await.body.contains(&format!("\"{status}\""))).await;
        let response = browser.get("/health").await;
        let expected =
            format!(r#"{{"status":"{status}","redis":{redis},"coordinator_running":true,"cache_size":0}}"#);
        assert_eq!(response.body, expected);
        assert_eq!(response.status == StatusCode::OK, redis);
        assert_eq!(browser.get("/health/ready").await.status == StatusCode::OK, ready, "{status}");
        assert_eq!(browser.get("/health/live").await.status, StatusCode::OK);
    };
    expect("ok", true, true).await;
    for (away, there) in [(0, 1), (1, 0)] {
        faults[away].fail();
        expect("degraded", false, true).await;
        faults[there].fail();
        expect("unhealthy", false, false).await;
        faults[there].work();
        expect("degraded", false, true).await;
        faults[away].work();
        expect("ok", true, true).await;
    }
}

/// K11: sessions can be read, so a node that has written before is ready.
#[tokio::test(start_paused = true)]
async fn k11_health_reports_rejected_writes() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    browser.login("ada").await;
    node.faults.reject_writes();
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    until("it is noticed", async || browser.get("/health").await.status != StatusCode::OK).await;
    assert_eq!(
        browser.get("/health").await.body,
        r#"{"status":"unhealthy","redis":false,"coordinator_running":true,"cache_size":1}"#
    );
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(browser.get("/health/ready").await.status, StatusCode::OK);
    node.faults.work();
    until("it accepts writes", async || browser.get("/health").await.status == StatusCode::OK).await;
}

/// K11: a node that has been shut down serves no session from its cache.
#[tokio::test]
async fn k11_after_a_shutdown_cached_reads_are_rejected() {
    for outage in [OutagePolicy::Fail, OutagePolicy::ServeStale(Duration::from_secs(3_600))] {
        let cluster = Cluster::new();
        let node = cluster.node_with(config().session_outage(outage)).await;
        let mut browser = node.browser();
        browser.login("ada").await;
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        let calls = node.faults.calls();
        assert_eq!(browser.me().await.unwrap(), "ada 0");
        assert_eq!(node.faults.calls(), calls, "it is cached");
        node.sessions.shutdown().await;
        assert_eq!(browser.me().await, Err(StatusCode::SERVICE_UNAVAILABLE), "{outage:?}");
        assert_eq!(browser.post("/visit", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(browser.get("/plain").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_draining_node_works_and_is_not_ready() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    assert_eq!(browser.get("/health/ready").await.status, StatusCode::OK);
    node.sessions.drain();
    assert_eq!(browser.get("/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/health").await.status, StatusCode::OK);
    browser.login("ada").await;
    node.sessions.shutdown().await;
    let response = browser.get("/health").await;
    assert!(response.body.contains(r#""coordinator_running":false"#), "{}", response.body);
}

async fn logged_in(node: &Node) -> Browser {
    let mut browser = node.browser();
    browser.login("ada").await;
    browser
}

#[tokio::test]
async fn a_logout_ends_the_session_before_it_responds() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut browser = logged_in(&one).await;
    let (mut here, mut there) = (browser.clone(), browser.on(&two));
    there.me().await.unwrap();
    let ClientResponse { status, headers, body } = browser.post("/logout", "").await;
    assert_eq!((status, &*body), (StatusCode::NO_CONTENT, ""));
    assert_eq!(headers["cache-control"], "no-store");
    assert!(cluster.store.is_empty());
    assert_eq!(here.me().await, Err(StatusCode::UNAUTHORIZED));
    until("the invalidation arrives", async || there.me().await == Err(StatusCode::UNAUTHORIZED)).await;
}

#[tokio::test]
async fn a_logout_is_a_post() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = logged_in(&node).await;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let request = Request::builder().method(method).uri("/logout").body(Body::empty()).unwrap();
        assert!(matches!(browser.send(request).await.status.as_u16(), 403 | 405));
    }
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

#[tokio::test]
async fn another_site_cannot_log_a_visitor_out() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    for (headers, allowed) in [
        (&[("sec-fetch-site", "cross-site")][..], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", "http://shop.example")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "https://shop.example:8443")], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("origin", "https://shop.example")], true),
        (&[], true),
    ] {
        let mut browser = logged_in(&node).await;
        let mut copy = browser.clone();
        let response = browser.send(post("/logout", headers)).await;
        let expected = if allowed { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
        assert_eq!(response.status, expected, "{headers:?}");
        assert_eq!(copy.me().await.is_ok(), !allowed, "{headers:?}");
    }
}

/// K10: behind a proxy that rewrites `Host`, no page could log a visitor out.
#[tokio::test]
async fn k10_pages_of_trusted_origins_can_log_a_visitor_out() {
    let cluster = Cluster::new();
    let node = cluster
        .node_with(
            config().session_trusted_origins("https://shop.example.com, https://admin.example.com:8443"),
        )
        .await;
    let routes =
        SessionRoutes::<User>::new(&node.sessions).trusted_origin("https://app.example.com".parse().unwrap());
    let app = Router::from(routes)
        .merge(Router::new().route("/login", axum::routing::post(crate::support::login)))
        .layer(SessionLayer::<User>::new(&node.sessions));
    let node = Node { app, ..node };
    for (headers, expected) in [
        (&[("origin", "https://shop.example.com")][..], StatusCode::NO_CONTENT),
        (&[("origin", "https://admin.example.com:8443")], StatusCode::NO_CONTENT),
        (&[("origin", "https://app.example.com"), ("sec-fetch-site", "same-site")], StatusCode::NO_CONTENT),
        (&[("origin", "https://app.example.com"), ("sec-fetch-site", "cross-site")], StatusCode::NO_CONTENT),
        (&[("origin", "http://shop.example.com")], StatusCode::FORBIDDEN),
        (&[("origin", "https://admin.example.com")], StatusCode::FORBIDDEN),
        (&[("origin", "https://evil.example.com")], StatusCode::FORBIDDEN),
        (&[("origin", "null")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
    ] {
        let mut browser = logged_in(&node).await;
        let mut request = post("/logout", headers);
        request.headers_mut().insert("host", "internal:3000".parse().unwrap());
        assert_eq!(browser.send(request).await.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_second_logout_has_no_effect() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = logged_in(&node).await;
    let mut copy = browser.clone();
    browser.post("/logout", "").await;
    let response = copy.post("/logout", "").await;
    assert_eq!(response.status, StatusCode::NO_CONTENT);
    assert!(response.set_cookie().unwrap().contains("Max-Age=0"));
    assert_eq!(browser.post("/logout", "").await.set_cookie(), None);
}

#[tokio::test]
async fn the_routes_can_be_moved() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let routes = SessionRoutes::<User>::new(&node.sessions)
        .health_path("/ops/health")
        .logout_path("/bye")
        .redirect_after_logout("/goodbye".parse().unwrap());
    let app = Router::new()
        .nest("/app", Router::from(routes))
        .merge(Router::new().route("/login", axum::routing::post(crate::support::login)))
        .layer(SessionLayer::<User>::new(&node.sessions));
    let mut browser = logged_in(&Node { app, ..node }).await;
    for path in ["/app/ops/health", "/app/ops/health/live", "/app/ops/health/ready"] {
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
    }
    let response = browser.post("/app/bye", "").await;
    assert_eq!((response.status, response.header("location")), (StatusCode::SEE_OTHER, Some("/goodbye")));
    assert_eq!(browser.cookie("__Host-id"), None);
    assert_eq!(browser.get("/health").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_logout_route_outside_the_layer_is_an_error() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let app = Router::from(SessionRoutes::<User>::new(&node.sessions));
    let response = Node { app, ..node }.browser().post("/logout", "").await;
    assert_eq!((response.status, &*response.body), (StatusCode::INTERNAL_SERVER_ERROR, ""));
}

/// The second one may have been planted. It is not known which one is the visitor's, so both sessions end.
#[tokio::test]
async fn a_logout_with_two_valid_cookies_ends_both_sessions() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let (ada, bob) = (logged_in(&node).await, logged_in(&node).await);
    let both = format!("__Host-id={}; __Host-id={}", ada.session(), bob.session());
    let logout = Request::post("/logout").header("cookie", both).body(Body::empty()).unwrap();
    let response = node.browser().send(logout).await;
    assert_eq!(response.status, StatusCode::NO_CONTENT);
    assert!(response.set_cookie().unwrap().contains("Max-Age=0"));
    assert!(cluster.store.is_empty());
}

/// Two types of session, each with its own logout, and one set of health routes.
#[tokio::test]
async fn a_second_type_of_session_adds_only_its_logout() {
    #[derive(Clone, Default, serde::Deserialize, serde::Serialize)]
    struct Cart {}
    impl handstamp::SessionData for Cart {}

    let cluster = Cluster::new();
    let node = cluster.node().await;
    let app = app(&node.sessions)
        .merge(SessionRoutes::<Cart>::new(&node.sessions).without_health().logout_path("/cart/empty"))
        .layer(SessionLayer::<User>::new(&node.sessions))
        .layer(SessionLayer::<Cart>::new(&node.sessions).cookie_name("cart").unwrap());
    let mut browser = Node { app, ..node }.browser();
    browser.login("ada").await;
    assert_eq!(browser.post("/cart/empty", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(browser.get("/health").await.status, StatusCode::OK);
}
