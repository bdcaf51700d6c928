//! Records that this node can neither read nor overwrite: records of a newer version, and records under an unknown secret.

use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{get, post};
use handstamp::store::{CreateOutcome, Records};
use handstamp::{LogIn, Session, SessionRejection};
use handstamp_core::record::Entry;
use http::StatusCode;
use http::request::Parts;

use crate::support::{Browser, Cluster, Node, User, change_stored};

fn routes() -> Router {
    Router::new()
        .route("/login", post(log_in))
        .route("/renew-only", post(async |LogIn(session): LogIn<User>| session.renew()))
        .route("/plain-login", post(plain_login))
        .route("/login-after-visit", post(log_in_after_visit))
        .route("/try", post(async |LogIn(session): LogIn<User>| visit(&session)))
        .route("/try-to-begin-anew", post(begin_anew))
        .route("/visit", post(async |session: Session<User>| visit(&session)))
        .route("/me", get(me))
}

async fn log_in(LogIn(session): LogIn<User>, name: String) {
    plain_login(session, name).await;
}

async fn plain_login(session: Session<User>, name: String) {
    session.update(move |user| user.name = Some(name));
}

fn visit(session: &Session<User>) {
    session.update(|user| user.visits += 1);
}

async fn begin_anew(LogIn(session): LogIn<User>) {
    session.renew_for_login();
    visit(&session);
}

/// Behind a middleware that counts visits. An empty name is no login.
async fn log_in_after_visit(
    ByMiddleware(session): ByMiddleware,
    login: LogIn<User>,
    name: String,
) -> Result<String, SessionRejection> {
    if !name.is_empty() {
        log_in(login, name).await;
    }
    Ok(session.get().visits.to_string())
}

struct ByMiddleware(Session<User>);

impl<S: Sync> FromRequestParts<S> for ByMiddleware {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionRejection> {
        let session = Session::from_extensions(&parts.extensions).await?;
        visit(&session);
        Ok(Self(session))
    }
}

async fn me(session: Session<User>) -> String {
    session.get().name.clone().unwrap_or_default()
}

/// A node, and a browser whose record is of a later format.
async fn newer(cluster: &Cluster) -> (Node, Browser) {
    let node = cluster.node_for::<User>(routes()).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    let key = browser.session_key();
    let mut bytes = cluster.store.load(&key).await.unwrap().unwrap().entry.bytes().to_vec();
    bytes[2] = 2;
    cluster.store.forget(&key);
    let entry = Entry::read(key, bytes.into()).unwrap();
    let created = cluster.store.create(&entry, Duration::from_secs(600)).await.unwrap();
    assert_eq!(created, CreateOutcome::Created);
    node.sessions.clear_local_cache();
    (node, browser)
}

/// A node, and a browser whose record is of a later schema, which this node can read.
async fn newer_schema(cluster: &Cluster) -> (Node, Browser) {
    let node = cluster.node_for::<User>(routes()).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    change_stored(cluster, &browser, |record| record.schema += 1).await;
    node.sessions.clear_local_cache();
    assert_eq!(browser.get("/me").await.body, "ada");
    (node, browser)
}

/// Sends requests that would change or replace the record, and are no logins.
async fn check_that_it_stays(cluster: &Cluster, mut browser: Browser) {
    let stored = cluster.store.load(&browser.session_key()).await.unwrap();
    for (path, body) in [
        ("/plain-login", "ada"),
        ("/visit", ""),
        ("/try", ""),
        ("/renew-only", ""),
        ("/try-to-begin-anew", ""),
        ("/login-after-visit", ""),
    ] {
        let response = browser.post(path, body).await;
        assert_eq!(
            (response.status, response.set_cookie()),
            (StatusCode::SERVICE_UNAVAILABLE, None),
            "{path}"
        );
    }
    let now = cluster.store.load(&browser.session_key()).await.unwrap();
    assert_eq!(now.map(|stored| stored.entry), stored.map(|stored| stored.entry));
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_format_is_503_and_stays() {
    let cluster = Cluster::new();
    let (_node, mut browser) = newer(&cluster).await;
    check_that_it_stays(&cluster, browser.clone()).await;
    assert_eq!(browser.get("/me").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_schema_is_read_and_stays() {
    let cluster = Cluster::new();
    let (_node, mut browser) = newer_schema(&cluster).await;
    check_that_it_stays(&cluster, browser.clone()).await;
    assert_eq!(browser.get("/me").await.body, "ada");
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_schema_blocks_no_login() {
    for path in ["/login", "/login-after-visit"] {
        for name in ["ada", "bob"] {
            let cluster = Cluster::new();
            let (_node, mut browser) = newer_schema(&cluster).await;
            let old = browser.session_key();
            let response = browser.post(path, name).await;
            assert_eq!(response.status, StatusCode::OK, "{path}");
            assert!(matches!(&*response.body, "" | "0"), "nothing of the record: {}", response.body);
            assert_eq!(browser.get("/me").await.body, name);
            assert!(cluster.store.load(&old).await.unwrap().unwrap().entry.is_tombstone());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_schema_blocks_no_logout() {
    let cluster = Cluster::new();
    let (_node, mut browser) = newer_schema(&cluster).await;
    assert_eq!(browser.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    assert!(cluster.store.is_empty());
}

/// A login begins with empty data, also if the record can be read.
#[tokio::test(start_paused = true)]
async fn k7_1_a_refresh_does_not_bring_the_record_back() {
    let cluster = Cluster::new();
    let refresh = async |LogIn(session): LogIn<User>| {
        let refreshed = session.refresh().await.map_err(|error| error.status());
        assert_eq!(refreshed, Err(StatusCode::SERVICE_UNAVAILABLE));
        plain_login(session, "bob".to_owned()).await;
    };
    let (_node, browser) = newer_schema(&cluster).await;
    let node = cluster.node_for::<User>(routes().route("/refresh", post(refresh))).await;
    let mut browser = browser.on(&node);
    assert_eq!(browser.post("/refresh", "").await.status, StatusCode::OK);
    assert_eq!(browser.get("/me").await.body, "bob");
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_format_blocks_no_login() {
    let cluster = Cluster::new();
    let (_node, mut browser) = newer(&cluster).await;
    let old = browser.session_key();
    assert_eq!(browser.post("/login", "bob").await.status, StatusCode::OK);
    assert_eq!(browser.get("/me").await.body, "bob");
    assert!(cluster.store.load(&old).await.unwrap().unwrap().entry.is_tombstone());
}

#[tokio::test(start_paused = true)]
async fn k7_1_a_record_of_a_later_format_blocks_no_logout() {
    let cluster = Cluster::new();
    let (_node, mut browser) = newer(&cluster).await;
    assert_eq!(browser.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    assert!(cluster.store.is_empty());
}
