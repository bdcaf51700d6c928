//! Error responses of the application's own.

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use handstamp::{DefaultErrorResponse, ErrorResponse, Session, SessionError, SessionLayer};
use http::request::Parts;
use http::{StatusCode, header};
use tower_http::cors::CorsLayer;

use crate::support::{ClientResponse, Cluster, Node, User, app, logged_in};

/// A page that forgets its status, and allows caches to store it.
fn page(error: &SessionError) -> Response {
    ([(header::CONTENT_TYPE, "text/html"), (header::CACHE_CONTROL, "public")], format!("<p>{error}</p>"))
        .into_response()
}

fn with_pages(node: &Node, error_response: impl ErrorResponse<Body> + Send + Sync + 'static) -> Node {
    let routes = app(&node.sessions)
        .route(
            "/commit",
            post(async |session: Session<User>| {
                session.update(|user| user.visits += 1);
                session.commit().await
            }),
        )
        .route("/by-hand", get(by_hand));
    let layer = SessionLayer::<User>::new(&node.sessions).error_response(error_response);
    Node { app: routes.layer(layer.gone_status(StatusCode::GONE)), ..node.clone() }
}

/// A response of the handler's own, made from the error.
async fn by_hand(mut parts: Parts) -> Response {
    match Session::<User>::from_request_parts(&mut parts, &()).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(rejection) => (StatusCode::BAD_GATEWAY, rejection.to_string()).into_response(),
    }
}

#[track_caller]
fn check_page(response: &ClientResponse, status: StatusCode, text: &str) {
    assert_eq!(response.status, status);
    assert_eq!(response.body, format!("<p>{text}</p>"));
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_failed_load_and_a_failed_save_get_the_page_of_the_application() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let mut browser = browser.on(&with_pages(&node, page));
    node.sessions.clear_local_cache();
    node.faults.fail();
    let load = browser.get("/me").await;
    check_page(&load, StatusCode::SERVICE_UNAVAILABLE, "the session store cannot be reached");
    assert_eq!(load.header("retry-after"), Some("1"));
    assert_eq!(load.header("vary"), Some("cookie"));
    node.faults.work();
    assert_eq!(browser.me().await.unwrap(), "ada 0");
    node.faults.fail();
    let save = browser.post("/visit", "").await;
    check_page(&save, StatusCode::SERVICE_UNAVAILABLE, "the session store cannot be reached");
    assert_eq!(save.header("retry-after"), Some("1"));
    assert_eq!(browser.get("/by-hand").await.status, StatusCode::OK, "the session is in the cache");
}

#[tokio::test]
async fn statuses_hold_for_commits_of_the_handler_too() {
    let cluster = Cluster::new();
    for path in ["/visit", "/commit"] {
        let (node, browser) = logged_in(&cluster).await;
        let mut late = browser.on(&with_pages(&node, page));
        browser.on(&node).post("/logout", "").await;
        let response = late.post(path, "").await;
        check_page(&response, StatusCode::GONE, "the session has ended in the meantime");
    }
}

#[tokio::test]
async fn a_response_that_the_handler_makes_from_an_error_stays() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let mut browser = browser.on(&with_pages(&node, page));
    node.sessions.clear_local_cache();
    node.faults.fail();
    let response = browser.get("/by-hand").await;
    assert_eq!(
        (response.status, &*response.body),
        (StatusCode::BAD_GATEWAY, "the session store cannot be reached")
    );
}

#[tokio::test]
async fn a_redirection_stays_and_headers_of_middleware_too() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let to_login = |_: &SessionError| Redirect::to("/login").into_response();
    let routes = app(&node.sessions)
        .layer(map_response(async |response: Response| ([("x-request-id", "7")], response)))
        .layer(CorsLayer::permissive());
    let app = routes.layer(SessionLayer::<User>::new(&node.sessions).error_response(to_login));
    let mut browser = browser.on(&Node { app, ..node.clone() });
    node.sessions.clear_local_cache();
    node.faults.fail();
    let load = browser.get("/me").await;
    assert_eq!((load.status, load.header("location")), (StatusCode::SEE_OTHER, Some("/login")));
    assert_eq!(load.header("x-request-id"), Some("7"));
    assert_eq!(load.header("cache-control"), Some("no-store"));
}

/// The outer layer leaves the page of the inner one alone.
#[tokio::test]
async fn a_page_is_made_by_the_layer_of_the_session() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let outer = |_: &SessionError| "the outer layer".into_response();
    let inner = SessionLayer::<User>::new(&node.sessions).error_response(page);
    let outer = SessionLayer::<User>::new(&node.sessions).cookie_name("other").unwrap().error_response(outer);
    let app = Router::new().merge(app(&node.sessions)).layer(inner).layer(outer);
    let mut browser = browser.on(&Node { app, ..node.clone() });
    node.sessions.clear_local_cache();
    node.faults.fail();
    let response = browser.get("/me").await;
    check_page(&response, StatusCode::SERVICE_UNAVAILABLE, "the session store cannot be reached");
}

#[tokio::test]
async fn by_default_errors_have_no_body() {
    let error = SessionError::Conflict;
    let response: http::Response<String> = error.to_response();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.body(), "");
    let response: http::Response<String> = DefaultErrorResponse::default().error_response(&error);
    assert_eq!(response.body(), "");
}
