//! The measured requests, each on a bare router, on one that the layer wraps, and on one that has the layer inside.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use handstamp::{Config, Session, SessionData, SessionLayer, SessionService, Sessions};
use http::{HeaderValue, Request, header};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct UserSession {
    username: Option<String>,
    visits: u64,
}

impl SessionData for UserSession {}

/// A request.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    path: &'static str,
    cookie: Option<HeaderValue>,
}

/// Routers with the same routes. All are finished (`with_state(())`), as `axum::serve` finishes them once: otherwise each request
/// would apply the layer again.
pub(crate) struct Routers {
    pub(crate) bare: Router,
    /// `SessionLayer::new(&sessions).layer(router)`
    pub(crate) around: SessionService<Router, UserSession>,
    /// `router.layer(SessionLayer::new(&sessions))`
    pub(crate) inside: Router,
}

/// Routers on a node whose store is in memory, and the requests to send to them.
pub(crate) async fn prepare() -> (Sessions, Routers, Vec<Case>) {
    let node = Sessions::start(Config::new().secret_or_random()).await.unwrap();
    let bare = Router::new()
        .route("/read", get(async || "ada".to_owned()))
        .route("/plain", get(async || "ok"))
        .route("/write", get(async || ()))
        .route("/login", get(async || ()))
        .with_state(());
    let routes = Router::new()
        .route("/read", get(read))
        .route("/plain", get(async || "ok"))
        .route("/write", get(write))
        .route("/login", get(login));
    let layer = SessionLayer::<UserSession>::new(&node);
    let mut around = layer.layer(routes.clone().with_state(()));
    let inside = routes.layer(layer).with_state(());
    let login = Case { name: "login", path: "/login", cookie: None };
    let cookie = cookie_of(&login.send(&mut around).await);
    let case = |name, path, cookie| Case { name, path, cookie };
    let cases = vec![
        case("cached read", "/read", Some(cookie.clone())),
        case("cookie, session not extracted", "/plain", Some(cookie.clone())),
        case("forged cookie, session extracted", "/read", Some(forged(&cookie))),
        case("no cookie, session extracted", "/read", None),
        case("no cookie, session not extracted", "/plain", None),
        case("write", "/write", Some(cookie)),
    ];
    (node, Routers { bare, around, inside }, cases)
}

impl Case {
    /// Sends the request to `app`.
    pub(crate) async fn send<S>(&self, app: &mut S) -> Response
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible>,
    {
        let mut request = Request::get(self.path).body(Body::empty()).unwrap();
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(header::COOKIE, cookie.clone());
        }
        app.call(request).await.unwrap()
    }
}

async fn read(session: Session<UserSession>) -> String {
    session.get().username.clone().unwrap_or_default()
}

async fn write(session: Session<UserSession>) {
    session.update(|user| user.visits += 1);
}

async fn login(session: Session<UserSession>) {
    session.update(|user| user.username = Some("ada".to_owned()));
}

fn cookie_of(response: &Response) -> HeaderValue {
    let header = response.headers()[header::SET_COOKIE].to_str().unwrap();
    header.split(';').next().unwrap().parse().unwrap()
}

/// The cookie of another session id, with the tag of this one.
fn forged(cookie: &HeaderValue) -> HeaderValue {
    let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
    let (version, id) = value.split_at(4);
    let other: String = id.chars().map(|letter| if letter == 'A' { 'B' } else { 'A' }).take(8).collect();
    format!("{name}={version}{other}{}", &id[8..]).parse().unwrap()
}
