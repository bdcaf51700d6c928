//! K8: requests that are cancelled before they have a response.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use futures_util::FutureExt;
use handstamp::{Session, SessionError, SessionLayer};
use handstamp_testkit::until;
use http::{Extensions, Request, StatusCode};
use parking_lot::Mutex;
use tower::ServiceExt;

use crate::support::*;

type Kept = Arc<Mutex<Option<Session<User>>>>;

/// A handler that never responds. Its change owns a clone of its session, and `token`.
async fn wait(State((token, kept)): State<(Arc<()>, Option<Kept>)>, session: Session<User>) {
    let own = session.clone();
    session.update(move |user| user.visits = own.get().visits + Arc::strong_count(&token).min(1) as u64);
    if let Some(kept) = kept {
        *kept.lock() = Some(session);
    }
    pending::<()>().await;
}

/// Sends a request to that handler, and cancels it.
async fn cancel(node: &Node, browser: &Browser, token: &Arc<()>, kept: Option<Kept>) {
    let routes = Router::new().route("/wait", post(wait)).with_state((token.clone(), kept));
    let app = routes.layer(SessionLayer::<User>::new(&node.sessions));
    let cookie = format!("__Host-id={}", browser.session());
    let request = Request::post("/wait").header("cookie", cookie).body(Body::empty()).unwrap();
    let mut response = app.oneshot(request).boxed();
    until("the change is made", async || {
        assert!((&mut response).now_or_never().is_none());
        Arc::strong_count(token) > 2
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn k8_a_change_that_owns_its_session_is_dropped_with_its_request() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let token = Arc::new(());
    cancel(&node, &browser, &token, None).await;
    assert_eq!(Arc::strong_count(&token), 1, "the change is still there");
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn k8_a_task_can_commit_the_changes_of_a_cancelled_request() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    for interference in [false, true] {
        let (token, kept) = (Arc::new(()), Kept::default());
        cancel(&node, &browser, &token, Some(kept.clone())).await;
        assert_eq!(Arc::strong_count(&token), 1, "the change is still there");
        let session = kept.lock().take().unwrap();
        if interference {
            browser.post("/visit", "").await;
            assert!(matches!(session.commit().await, Err(SessionError::Aborted)));
            assert_eq!(
                session.update_and_commit(|user| user.visits).await.unwrap(),
                2,
                "the next commit works"
            );
        } else {
            session.commit().await.unwrap();
        }
        let expected = if interference { "ada 2" } else { "ada 1" };
        assert_eq!(browser.me().await.unwrap(), expected);
    }
}

/// The session was not changed elsewhere.
#[tokio::test(start_paused = true)]
async fn k8_a_refresh_keeps_the_changes_of_a_cancelled_request() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let kept = Kept::default();
    cancel(&node, &browser, &Arc::new(()), Some(kept.clone())).await;
    let session = kept.lock().take().unwrap();
    session.refresh().await.unwrap();
    assert_eq!(session.get().visits, 1);
    session.commit().await.unwrap();
    assert_eq!(browser.me().await.unwrap(), "ada 1");
}

/// The browser never gets the new id, so it keeps the old one.
#[tokio::test(start_paused = true)]
async fn k8_a_task_cannot_renew_or_create_a_session_for_a_cancelled_request() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let stranger = node.browser();
    for browser in [&browser, &stranger] {
        let kept = Kept::default();
        cancel_login(&node, browser, &kept).await;
        let session = kept.lock().take().unwrap();
        assert!(matches!(session.commit().await, Err(SessionError::ResponseAlreadySent)));
    }
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    assert_eq!(cluster.store.len(), 1);
}

/// Only the change shows that it is a login, and its closure has been dropped.
#[tokio::test(start_paused = true)]
async fn k1_a_task_cannot_log_in_for_a_cancelled_request() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/visit", "").await.body, "1");
    for (name, expected) in [("bob", Err(StatusCode::UNAUTHORIZED)), ("ada", Ok("carol 1".to_owned()))] {
        let kept = Kept::default();
        let log_in =
            move |session: &Session<User>| session.update(move |user| user.name = Some(name.to_owned()));
        cancel_after(&node, &browser, &kept, log_in).await;
        let session = kept.lock().take().unwrap();
        assert!(matches!(session.commit().await, Err(SessionError::ResponseAlreadySent)));
        assert_eq!(browser.me().await, expected);
        browser.login("carol").await;
    }
}

/// Sends a login to a handler that never responds, and cancels the request.
async fn cancel_login(node: &Node, browser: &Browser, kept: &Kept) {
    cancel_after(node, browser, kept, |session| {
        session.renew();
        session.update(|user| user.name = Some("bob".to_owned()));
    })
    .await;
}

async fn cancel_after(
    node: &Node,
    browser: &Browser,
    kept: &Kept,
    act: impl Fn(&Session<User>) + Clone + Send + Sync + 'static,
) {
    let keep = kept.clone();
    let handler = post(async move |session: Session<User>| {
        act(&session);
        *keep.lock() = Some(session);
        pending::<()>().await;
    });
    let app = Router::new().route("/", handler).layer(SessionLayer::<User>::new(&node.sessions));
    let mut response = app.oneshot(request(browser)).boxed();
    until("the login is made", async || {
        assert!((&mut response).now_or_never().is_none());
        kept.lock().is_some()
    })
    .await;
}

/// A task extracts the session after the request has a response or was cancelled, and the handler has not extracted it.
#[tokio::test(start_paused = true)]
async fn k8_a_session_that_is_extracted_after_the_request_cannot_be_created() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    for responds in [true, false] {
        let kept = Arc::new(Mutex::new(None));
        let keep = kept.clone();
        let handler = post(async move |extensions: Extensions| {
            *keep.lock() = Some(extensions);
            if !responds {
                pending::<()>().await;
            }
        });
        let app = Router::new().route("/", handler).layer(SessionLayer::<User>::new(&node.sessions));
        let mut response = app.oneshot(request(&node.browser())).boxed();
        let mut responded = false;
        until("the extensions are kept", async || {
            responded = (&mut response).now_or_never().is_some();
            kept.lock().is_some()
        })
        .await;
        assert_eq!(responded, responds);
        drop(response);
        let extensions = kept.lock().take().unwrap();
        let session = Session::<User>::from_extensions(&extensions).await.unwrap();
        session.update(|user| user.visits += 1);
        assert!(
            matches!(session.commit().await, Err(SessionError::ResponseAlreadySent)),
            "responds: {responds}"
        );
    }
    assert!(cluster.store.is_empty());
}

fn request(browser: &Browser) -> Request<Body> {
    let cookie = browser.cookie("__Host-id").map(|value| format!("__Host-id={value}"));
    Request::post("/").header("cookie", cookie.unwrap_or_default()).body(Body::empty()).unwrap()
}
