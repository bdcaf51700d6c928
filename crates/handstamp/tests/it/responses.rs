//! Headers for browsers and caches.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use handstamp::{CacheControl, Session, SessionLayer};
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderName, StatusCode};

use crate::support::{Cluster, Node, User, app, logged_in};

#[tokio::test]
async fn responses_that_depend_on_the_session_vary_by_cookie() {
    let cluster = Cluster::new();
    let mut browser = cluster.node().await.browser();
    assert_eq!(browser.get("/plain").await.header("vary"), None);
    assert_eq!(browser.get("/me").await.header("vary"), Some("cookie"));
    let login = browser.post("/login", "ada").await;
    assert_eq!(login.header("vary"), Some("cookie"));
    assert_eq!(login.header("cache-control"), Some("no-store"));
    assert_eq!(browser.get("/plain").await.header("vary"), None);
}

#[tokio::test]
async fn cache_headers_of_the_handler_are_replaced_or_kept() {
    async fn cacheable(session: Session<User>) -> ([(HeaderName, &'static str); 2], &'static str) {
        session.update(|user| user.visits += 1);
        ([(CACHE_CONTROL, "public, max-age=600"), (VARY, "accept-encoding, Cookie")], "")
    }
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let router = Router::new().route("/", get(cacheable)).layer(SessionLayer::<User>::new(&node.sessions));
    let mut browser = Node { app: router, ..node }.browser();
    let response = browser.get("/").await;
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.headers.get_all("vary").iter().count(), 1, "it contains the cookie already");
}

/// F4, S88: caches that obey these headers ignore `Cache-Control`, and would have served the session cookie to other visitors.
#[tokio::test]
async fn k9_f4_no_header_allows_a_cache_to_store_a_session_cookie() {
    const CACHEABLE: [(&str, &str); 9] = [
        ("cache-control", "public, max-age=600"),
        ("cdn-cache-control", "public, max-age=600"),
        ("cloudflare-cdn-cache-control", "max-age=600"),
        ("vercel-cdn-cache-control", "max-age=600"),
        ("surrogate-control", "max-age=600"),
        ("expires", "Wed, 25 Nov 2099 12:00:00 GMT"),
        ("pragma", "public"),
        ("x-accel-expires", "600"),
        ("edge-control", "max-age=600"),
    ];
    let cacheable = || CACHEABLE.map(|(name, value)| (HeaderName::from_static(name), value));
    let node = Cluster::new().node().await;
    let router = app(&node.sessions)
        .route(
            "/change",
            post(async move |session: Session<User>| {
                session.update(|user| user.visits += 1);
                cacheable()
            }),
        )
        .route(
            "/end",
            post(async move |session: Session<User>| {
                session.destroy();
                cacheable()
            }),
        )
        .layer(SessionLayer::<User>::new(&node.sessions));
    let mut browser = Node { app: router, ..node }.browser();
    for (path, has_cookie) in [("/change", true), ("/change", false), ("/end", true)] {
        let response = browser.post(path, "").await;
        assert_eq!(response.set_cookie().is_some(), has_cookie);
        let left = |name: &str| {
            CACHEABLE.iter().any(|(other, value)| *other == name && response.header(name) == Some(*value))
        };
        let left: Vec<_> = CACHEABLE.iter().map(|(name, _)| *name).filter(|name| left(name)).collect();
        assert_eq!(left.len(), if has_cookie { 0 } else { CACHEABLE.len() }, "{path}: {left:?}");
        let no_store = response.header("cache-control") == Some("no-store");
        assert_eq!(no_store, has_cookie, "{path}");
    }
}

/// F9, S89: the back button showed pages of a session after its logout.
#[tokio::test]
async fn k9_f9_responses_that_depend_on_a_session_are_private() {
    let node = Cluster::new().node().await;
    let routes = || {
        app(&node.sessions)
            .route("/own", get(async |_: Session<User>| [(CACHE_CONTROL, "private, max-age=60")]))
            .route("/optional", get(async |session: Option<Session<User>>| session.is_some().to_string()))
    };
    let app = routes().layer(SessionLayer::<User>::new(&node.sessions));
    let mut browser = Node { app, ..node.clone() }.browser();
    for path in ["/plain", "/me", "/optional"] {
        assert_eq!(browser.get(path).await.header("cache-control"), None, "no session, {path}");
    }
    browser.login("ada").await;
    for (path, expected) in [
        ("/plain", None),
        ("/me", Some("private, no-cache")),
        ("/optional", Some("private, no-cache")),
        ("/own", Some("private, max-age=60")),
    ] {
        assert_eq!(browser.get(path).await.header("cache-control"), expected, "{path}");
    }
    assert_eq!(browser.post("/visit", "").await.header("cache-control"), Some("private, no-cache"));

    let strict = SessionLayer::<User>::new(&node.sessions).cache_control(CacheControl::NoStore);
    let mut browser = browser.on(&Node { app: routes().layer(strict), ..node });
    assert_eq!(browser.get("/me").await.header("cache-control"), Some("no-store"));
    assert_eq!(browser.get("/own").await.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(browser.get("/plain").await.header("cache-control"), None);
}

/// F9, S89: pages of a session stayed in the browser's cache after a logout.
#[tokio::test]
async fn k9_f9_the_end_of_a_session_clears_the_browsers_cache() {
    const CLEAR: &str = "clear-site-data";
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let own = async |session: Session<User>| {
        session.destroy();
        [(HeaderName::from_static(CLEAR), "\"cookies\"")]
    };
    let app = app(&node.sessions)
        .route("/own", post(own))
        .route(
            "/end-now",
            post(async |session: Session<User>| {
                session.destroy();
                session.commit().await.unwrap();
            }),
        )
        .layer(SessionLayer::<User>::new(&node.sessions));
    let node = Node { app, ..node };
    for (path, expected) in [
        ("/logout", Some("\"cache\"")),
        ("/destroy", Some("\"cache\"")),
        ("/end-now", Some("\"cache\"")),
        ("/start-over", Some("\"cache\"")),
        ("/own", Some("\"cookies\"")),
        ("/visit", None),
        ("/renew", None),
    ] {
        let mut browser = node.browser();
        assert_eq!(
            browser.post(path, "").await.header(CLEAR),
            expected.filter(|_| path == "/own"),
            "no session, {path}"
        );
        browser.login("ada").await;
        assert_eq!(browser.post(path, "").await.header(CLEAR), expected, "{path}");
    }
}

/// The session was ended by another request, whose response has cleared the cache.
#[tokio::test(start_paused = true)]
async fn k9_f9_a_session_that_has_ended_before_clears_nothing() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let mut ending = browser.clone();
    let (late, ended) = tokio::join!(browser.post("/slow-visit", ""), ending.post("/logout", ""));
    assert_eq!((late.status, ended.status), (StatusCode::UNAUTHORIZED, StatusCode::NO_CONTENT));
    assert_eq!(late.header("clear-site-data"), None);
    assert_eq!(ended.header("clear-site-data"), Some("\"cache\""));
}

/// K10: a script of another origin could not read the status of an error response.
#[tokio::test]
async fn k10_a_response_in_place_of_the_handlers_keeps_the_headers_of_cors() {
    async fn change(session: Session<User>) -> impl IntoResponse {
        session.update(|user| user.visits += 1);
        let headers = [
            ("access-control-allow-origin", "https://app.example.com"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "retry-after"),
            ("vary", "origin"),
            ("x-other", "of the handler"),
        ];
        headers.map(|(name, value)| (HeaderName::from_static(name), value))
    }
    let node = Cluster::new().node().await;
    let app =
        app(&node.sessions).route("/change", post(change)).layer(SessionLayer::<User>::new(&node.sessions));
    let node = Node { app, ..node };
    let mut browser = node.browser();
    browser.login("ada").await;
    node.faults.fail();
    let response = browser.post("/change", "").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.header("access-control-expose-headers"), Some("retry-after"));
    let vary: Vec<_> = response.headers.get_all(VARY).iter().collect();
    assert_eq!(vary, ["origin", "cookie"]);
    assert_eq!(response.header("x-other"), None);
    assert_eq!(response.header("cache-control"), Some("no-store"));
}
