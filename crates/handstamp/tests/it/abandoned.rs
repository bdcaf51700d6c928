//! K8: requests that are given up before they have a response.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use futures_util::FutureExt;
use handstamp::{Session, SessionError};
use handstamp_testkit::until;
use http::Request;
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

/// Sends a request to that handler, and gives it up.
async fn give_up(node: &Node, browser: &Browser, token: &Arc<()>, kept: Option<Kept>) {
    let routes = Router::new().route("/wait", post(wait)).with_state((token.clone(), kept));
    let app = routes.layer(handstamp::SessionLayer::<User>::new(&node.runtime));
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
async fn k8_a_change_that_owns_its_session_goes_with_its_request() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let token = Arc::new(());
    give_up(&node, &browser, &token, None).await;
    assert_eq!(Arc::strong_count(&token), 1, "the change is still there");
    assert_eq!(browser.me().await.unwrap(), "ada 0");
}

#[tokio::test(start_paused = true)]
async fn k8_a_task_can_commit_what_a_request_that_was_given_up_has_changed() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    for interference in [false, true] {
        let (token, kept) = (Arc::new(()), Kept::default());
        give_up(&node, &browser, &token, Some(kept.clone())).await;
        assert_eq!(Arc::strong_count(&token), 1, "the change is still there");
        let session = kept.lock().take().unwrap();
        if interference {
            browser.post("/visit", "").await;
            assert!(matches!(session.commit().await, Err(SessionError::Aborted)));
            assert_eq!(session.update_now(|user| user.visits).await.unwrap(), 2, "the next commit works");
        } else {
            session.commit().await.unwrap();
        }
        let expected = if interference { "ada 2" } else { "ada 1" };
        assert_eq!(browser.me().await.unwrap(), expected);
    }
}
