//! A store that fails: never an empty session, never a false success.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use handstamp::{Encoding, Session, SessionData, SessionLayer, StoredPayload};
use handstamp_core::record::Record;
use handstamp_testkit::until;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::support::{
    Browser, Cluster, Node, User, change_stored, logged_in, logged_in_with, stored_record,
    with_default_budgets,
};

#[tokio::test]
async fn a_failed_read_is_503_and_not_a_new_session() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    node.sessions.clear_local_cache();
    node.faults.fail();
    let session = browser.session();
    let response = browser.get("/me").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.set_cookie(), None);
    assert_eq!(browser.get("/plain").await.status, StatusCode::OK, "other requests are not affected");
    node.faults.work();
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(browser.session(), session);
}

#[tokio::test]
async fn an_optional_session_is_an_error_in_an_outage() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let app = Router::new()
        .route("/", get(async |session: Option<Session<User>>| session.is_some().to_string()))
        .layer(SessionLayer::<User>::new(&node.sessions));
    let node = Node { app, ..node };
    node.sessions.clear_local_cache();
    node.faults.fail();
    assert_eq!(browser.on(&node).get("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_failed_write_is_503_without_a_cookie() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    node.faults.fail();
    for (mut browser, path) in [
        (browser.clone(), "/visit"),
        (browser.clone(), "/renew"),
        (browser.clone(), "/login"),
        (node.browser(), "/visit"),
        (node.browser(), "/login"),
    ] {
        let response = browser.post(path, "").await;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(response.set_cookie(), None, "{path}");
    }
    node.faults.work();
    assert_eq!(browser.me().await.unwrap(), "ada 0", "nothing was changed");
    assert_eq!(cluster.store.len(), 1);
}

#[tokio::test]
async fn a_failed_logout_is_503_and_repeated() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    for warm in [true, false] {
        if !warm {
            node.sessions.clear_local_cache();
        }
        let mut browser = node.browser();
        browser.login("ada").await;
        let mut thief = browser.clone();
        node.faults.fail();
        let response = browser.post("/logout", "").await;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(browser.cookie("__Host-id"), None, "the cookie is removed all the same");
        node.faults.work();
        assert_eq!(thief.me().await, Err(StatusCode::UNAUTHORIZED), "it has ended on this node");
        until("the store is told", async || cluster.store.len() == 1).await;
    }
    assert_eq!(browser.clone().me().await.unwrap(), "ada 0", "other sessions are not affected");
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_longer_than_its_budget() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in_with(&cluster, with_default_budgets()).await;
    node.faults.hang();
    for (method, path, budget) in [("get", "/me", 250), ("post", "/login", 500), ("post", "/logout", 500)] {
        if method == "get" {
            node.sessions.clear_local_cache();
        }
        let mut browser = if path == "/login" { node.browser() } else { browser.clone() };
        let started = Instant::now();
        let response = if method == "get" { browser.get(path).await } else { browser.post(path, "").await };
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let waited = started.elapsed();
        assert!(waited <= Duration::from_millis(budget), "{path} took {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_queries_a_broken_store_once() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in_with(&cluster, with_default_budgets()).await;
    let app = Router::new()
        .route(
            "/",
            get(async |first: Result<Session<User>, _>, second: Result<Session<User>, _>| {
                let failed: [bool; 2] = [first.map_err(drop::<handstamp::SessionRejection>).is_err(), {
                    let second: Result<_, handstamp::SessionRejection> = second;
                    second.is_err()
                }];
                format!("{failed:?}")
            }),
        )
        .layer(SessionLayer::<User>::new(&node.sessions));
    let node = Node { app, ..node };
    node.sessions.clear_local_cache();
    node.faults.hang();
    let started = Instant::now();
    assert_eq!(browser.on(&node).get("/").await.body, "[true, true]");
    assert_eq!(started.elapsed(), Duration::from_millis(250));
}

/// Puts another payload into the record of the browser's session.
async fn plant(cluster: &Cluster, node: &Node, browser: &Browser, schema: u16, payload: &'static str) {
    let change = |record: &mut Record| {
        (record.schema, record.encoding, record.payload) = (schema, Encoding::Json, payload.into());
    };
    change_stored(cluster, browser, change).await;
    node.sessions.clear_local_cache();
}

async fn stored_payload(cluster: &Cluster, browser: &Browser) -> Bytes {
    stored_record(cluster, browser).await.payload
}

#[tokio::test]
async fn undecodable_data_locks_no_visitor_out_and_is_not_overwritten() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let before = browser.clone();
    plant(&cluster, &node, &browser, 1, "{").await;
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    browser.login("ada").await;
    assert_ne!(browser.session(), before.session());
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(stored_payload(&cluster, &before).await, "{");
}

#[tokio::test]
async fn data_of_a_newer_schema_is_read_and_never_overwritten() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let newer = r#"{"name": "ada", "visits": 7, "added_later": true}"#;
    plant(&cluster, &node, &browser, 2, newer).await;
    assert_eq!(browser.me().await.unwrap(), "ada 7");
    for path in ["/visit", "/renew"] {
        let response = browser.post(path, "").await;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(response.set_cookie(), None);
    }
    assert_eq!(stored_payload(&cluster, &browser).await, newer);
    assert_eq!(cluster.store.len(), 1);
    assert_eq!(
        browser.post("/logout", "").await.status,
        StatusCode::NO_CONTENT,
        "ending it is no overwriting"
    );
}

#[tokio::test]
async fn data_of_a_newer_schema_that_does_not_decode_is_an_error_and_no_logout() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    plant(&cluster, &node, &browser, 2, r#"{"names": ["ada"]}"#).await;
    let response = browser.get("/me").await;
    assert_eq!((response.status, response.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
}

/// The next schema of `User`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Member {
    names: Vec<String>,
}

impl SessionData for Member {
    const SCHEMA: u16 = 2;

    fn migrate(old: StoredPayload<'_>) -> Result<Self, handstamp::store::BoxError> {
        assert_eq!(old.schema(), 1);
        let user: User = old.decode()?;
        Ok(Self { names: user.name.into_iter().collect() })
    }
}

#[tokio::test]
async fn data_of_an_older_schema_is_migrated() {
    let cluster = Cluster::new();
    let (_, browser) = logged_in(&cluster).await;
    let node = cluster.bare_node().await;
    let app = Router::new()
        .route("/names", get(async |session: Session<Member>| session.get().names.join(" ")))
        .route(
            "/add",
            post(async |session: Session<Member>| {
                session.update(|member| member.names.push("lovelace".to_owned()));
            }),
        )
        .layer(SessionLayer::<Member>::new(&node.sessions));
    let mut upgraded = browser.on(&Node { app, ..node });
    assert_eq!(upgraded.get("/names").await.body, "ada");
    assert_eq!(upgraded.post("/add", "").await.status, StatusCode::OK);
    assert_eq!(upgraded.get("/names").await.body, "ada lovelace");
    assert_eq!(stored_record(&cluster, &browser).await.schema, 2);
}

/// Saves that wait for each other have the same budget.
#[tokio::test(start_paused = true)]
async fn all_concurrent_writes_fail_if_the_store_cannot_be_reached() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in_with(&cluster, with_default_budgets()).await;
    node.faults.hang();
    let started = Instant::now();
    let mut writes = tokio::task::JoinSet::new();
    for path in ["/visit", "/visit", "/renew", "/visit", "/visit"] {
        let mut browser = browser.clone();
        writes.spawn(async move { browser.post(path, "").await });
    }
    for response in writes.join_all().await {
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.set_cookie(), None);
    }
    assert!(started.elapsed() <= Duration::from_millis(510), "{:?}", started.elapsed());
}

/// K3.2: the panic counts as a decoding error, and a session of a newer node is not treated as absent.
#[tokio::test]
async fn k3_2_data_of_a_newer_schema_that_panics_is_an_error_and_no_logout() {
    #[derive(Clone, Default, Serialize)]
    struct Strict {}
    impl<'de> Deserialize<'de> for Strict {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let data = std::collections::BTreeMap::<String, u8>::deserialize(deserializer)?;
            assert!(data.is_empty(), "on purpose");
            Ok(Self {})
        }
    }
    impl SessionData for Strict {}

    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/", get(async |session: Session<Strict>| session.is_new().to_string()))
        .route("/make", post(async |session: Session<Strict>| session.update(|_| ())));
    let node = cluster.node_for::<Strict>(routes).await;
    let mut browser = node.browser();
    browser.post("/make", "").await;
    plant(&cluster, &node, &browser, 2, r#"{"added": 1}"#).await;
    let response = browser.get("/").await;
    assert_eq!((response.status, response.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
}

/// K3.2: the session is larger than the cache, and is loaded each time.
#[tokio::test]
async fn k3_2_the_largest_heap_size_does_not_overflow() {
    #[derive(Clone, Default, Deserialize, Serialize)]
    struct Huge {
        visits: u64,
    }
    impl SessionData for Huge {
        fn heap_size(&self, _: usize) -> usize {
            usize::MAX
        }
    }

    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/", get(async |session: Session<Huge>| session.get().visits.to_string()))
        .route("/visit", post(async |session: Session<Huge>| session.update(|huge| huge.visits += 1)));
    let node = cluster.node_for::<Huge>(routes).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(browser.get("/").await.body, "1");
    assert_eq!(node.sessions.cached_sessions(), 0);
}
