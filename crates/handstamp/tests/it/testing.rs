//! The tools for the tests of applications.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use handstamp::testing::{ManualClock, TestRequest, sessions, sessions_with_clock};
use handstamp::{Session, SessionError, SessionLayer};
use http::header::COOKIE;
use http::{HeaderValue, Request, StatusCode};
use tower::ServiceExt;

use crate::support::User;

fn ada() -> User {
    User { name: Some("ada".to_owned()), visits: 7 }
}

#[tokio::test]
async fn a_handler_that_reads_changes_nothing() {
    let request = TestRequest::with_session(ada()).await;
    assert_eq!(request.session().get().visits, 7);
    let outcome = request.finish().await;
    assert!(outcome.result.is_ok() && !outcome.renewed && !outcome.ended && outcome.set_cookie.is_none());
    assert_eq!(*outcome.data.unwrap(), ada());
    let anonymous = TestRequest::<User>::anonymous().await;
    assert!(anonymous.session().is_new());
    assert!(anonymous.finish().await.data.is_none());
}

#[tokio::test]
async fn a_login_renews_and_a_logout_ends_the_session() {
    let request = TestRequest::with_session(User::default()).await;
    request.session().replace(ada());
    let outcome = request.finish().await;
    assert!(outcome.renewed && !outcome.ended && outcome.set_cookie.is_some());
    assert_eq!(*outcome.data.unwrap(), ada());

    let request = TestRequest::with_session(ada()).await;
    request.session().destroy();
    let outcome = request.finish().await;
    assert!(outcome.ended && !outcome.renewed && outcome.data.is_none());

    let request = TestRequest::anonymous().await;
    request.session().replace(ada());
    let outcome = request.finish().await;
    assert!(!outcome.renewed && !outcome.ended && outcome.set_cookie.is_some());
    assert_eq!(outcome.data.unwrap().visits, 7);
}

#[tokio::test]
async fn data_that_cannot_be_saved_is_an_error() {
    let request = TestRequest::with_session(ada()).await;
    request.session().update(|user| user.name = Some("x".repeat(100_000)));
    let outcome = request.finish().await;
    assert!(matches!(outcome.result, Err(SessionError::TooLarge { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_cookie_is_that_of_its_layer_and_its_session_expires_by_the_clock() {
    let clock = ManualClock::new();
    let sessions = sessions_with_clock(&clock).await;
    let layer = SessionLayer::<User>::new(&sessions).cookie_name("user").unwrap();
    let (cookie, other) = (layer.cookie_for(ada()).await.unwrap(), sessions.cookie_for(ada()).await.unwrap());
    assert!(cookie.to_str().unwrap().starts_with("__Host-user="));
    assert!(cookie.is_sensitive());
    let app = Router::new()
        .route("/", get(async |session: Session<User>| session.get().visits.to_string()))
        .layer(layer);
    let visits = async |cookie: &HeaderValue| {
        let request = Request::get("/").header(COOKIE, cookie).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        axum::body::to_bytes(response.into_body(), 100).await.unwrap()
    };
    assert_eq!(visits(&cookie).await, "7");
    assert_eq!(visits(&other).await, "0", "the cookie has another name");
    clock.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(visits(&cookie).await, "0");
}

#[tokio::test]
async fn nodes_do_not_share_sessions() {
    let cookie = sessions().await.cookie_for(ada()).await.unwrap();
    assert_ne!(cookie, sessions().await.cookie_for(ada()).await.unwrap());
}
