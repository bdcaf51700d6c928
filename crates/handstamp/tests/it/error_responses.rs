//! Error responses of the application's own.

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::middleware::map_response;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use handstamp::{DefaultErrorResponse, ErrorResponse, Session, SessionData, SessionError, SessionLayer};
use http::request::Parts;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
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

/// An error of the layer's session, with two values of several headers, and headers of the page and of the document.
async fn many_headers(response: Response) -> impl IntoResponse {
    let headers = [
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2; Path=/"),
        ("vary", "origin"),
        ("vary", "accept"),
        ("content-language", "en"),
        ("content-security-policy", "default-src 'self'"),
    ];
    (AppendHeaders(headers), response)
}

fn values(response: &ClientResponse, name: &str) -> Vec<String> {
    let values = response.headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// The response to a request whose session cannot be loaded, through middleware inside the layer.
async fn failed_load<E>(layer: impl FnOnce(SessionLayer<User>) -> SessionLayer<User, E>) -> ClientResponse
where
    E: ErrorResponse<Body> + Send + Sync + 'static,
{
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let layer = layer(SessionLayer::<User>::new(&node.sessions));
    let app = app(&node.sessions).layer(map_response(many_headers)).layer(layer);
    node.sessions.clear_local_cache();
    node.faults.fail();
    browser.on(&Node { app, ..node.clone() }).get("/me").await
}

#[tokio::test]
async fn headers_with_several_values_stay() {
    let with_cookie =
        |_: &SessionError| ([("set-cookie", "c=3; Path=/"), ("vary", "cookie")], "oops").into_response();
    for (response, mut cookies) in [
        (failed_load(|layer| layer).await, vec![]),
        (failed_load(|layer| layer.error_response(with_cookie)).await, vec!["c=3; Path=/"]),
    ] {
        cookies.extend(["a=1; Path=/", "b=2; Path=/"]);
        assert_eq!(values(&response, "set-cookie"), cookies);
        assert_eq!(values(&response, "vary").join(", ").matches("accept").count(), 1);
        assert!(values(&response, "vary").contains(&"origin".to_owned()));
        assert!(values(&response, "vary").contains(&"cookie".to_owned()));
    }
}

#[tokio::test]
async fn only_headers_of_the_old_body_are_dropped() {
    let response = failed_load(|layer| layer.error_response(page)).await;
    assert_eq!(response.header("content-language"), None);
    assert_eq!(response.header("content-security-policy"), Some("default-src 'self'"));
}

/// With and without pages of the application.
#[tokio::test]
async fn a_body_of_middleware_stays() {
    let add_body = async |response: Response| {
        let (mut parts, _) = response.into_parts();
        parts.headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        Response::from_parts(parts, Body::from("{}"))
    };
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let layer = SessionLayer::<User>::new(&node.sessions);
    let routes = app(&node.sessions).layer(map_response(add_body));
    let apps = [routes.clone().layer(layer.clone()), routes.layer(layer.error_response(page))];
    node.sessions.clear_local_cache();
    node.faults.fail();
    for app in apps {
        let response = browser.on(&Node { app, ..node.clone() }).get("/me").await;
        assert_eq!((response.status, &*response.body), (StatusCode::SERVICE_UNAVAILABLE, "{}"));
    }
}

/// Without a `Content-Type`, only pages of the application replace it.
#[tokio::test]
async fn a_status_of_the_layer_leaves_the_body() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let fails = async |session: Session<User>| {
        session.update(|user| user.visits += 1);
        let error = session.commit().await.expect_err("it has ended");
        let (parts, ()) = error.to_response::<()>().into_parts();
        Response::from_parts(parts, Body::from("text"))
    };
    let layer = SessionLayer::<User>::new(&node.sessions).gone_status(StatusCode::GONE);
    let app = Router::new().route("/fail", post(fails)).layer(layer);
    let mut late = browser.on(&Node { app, ..node.clone() });
    browser.on(&node).post("/logout", "").await;
    let response = late.post("/fail", "").await;
    assert_eq!((response.status, &*response.body), (StatusCode::GONE, "text"));
}

#[derive(Clone, Default, Deserialize, Serialize)]
struct Admin {}

impl SessionData for Admin {}

/// The layers have sessions of different types.
#[tokio::test]
async fn the_error_of_an_outer_layer_is_formatted_there() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let admin = SessionLayer::<Admin>::new(&node.sessions).cookie_name("admin").unwrap();
    let admin = admin.error_response(|_: &SessionError| "the inner layer".into_response());
    let user = SessionLayer::<User>::new(&node.sessions).error_response(page);
    let own = get(async || SessionError::Gone);
    let app = app(&node.sessions).route("/own", own).layer(admin).layer(user);
    let mut browser = browser.on(&Node { app, ..node.clone() });
    node.sessions.clear_local_cache();
    node.faults.fail();
    let response = browser.get("/me").await;
    check_page(&response, StatusCode::SERVICE_UNAVAILABLE, "the session store cannot be reached");
    let response = browser.get("/own").await;
    assert_eq!(
        (response.status, &*response.body),
        (StatusCode::UNAUTHORIZED, ""),
        "no session has returned it"
    );
}

/// A save fails, and both responses have headers of CORS.
#[tokio::test]
async fn cors_headers_of_an_error_page_are_not_doubled() {
    let cluster = Cluster::new();
    let (node, browser) = logged_in(&cluster).await;
    let cors = |_: &SessionError| {
        ([("access-control-allow-origin", "https://shop.example")], "oops").into_response()
    };
    let layer = SessionLayer::<User>::new(&node.sessions).error_response(cors);
    let app = app(&node.sessions).layer(CorsLayer::permissive()).layer(layer);
    let mut browser = browser.on(&Node { app, ..node.clone() });
    browser.me().await.unwrap();
    node.faults.fail();
    let response = browser.post("/visit", "").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(values(&response, "access-control-allow-origin"), ["https://shop.example"]);
    assert_eq!(values(&response, "access-control-expose-headers"), ["*"]);
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
