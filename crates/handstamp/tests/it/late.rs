//! K1 and K2: requests that carry an id from before a login, a renewal or a logout.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use handstamp::{OutagePolicy, Session, SessionData, SessionError};
use handstamp_testkit::until;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::support::{Browser, Cluster, Node, User, config, logged_in};

/// A node, and a browser with a session of no user.
async fn anonymous(cluster: &Cluster) -> (Node, Browser) {
    let node = cluster.node().await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/visit", "").await.body, "1");
    (node, browser)
}

/// Sends a change with an old cookie. It must create neither a session nor a cookie.
async fn check_late_change(cluster: &Cluster, mut late: Browser, status: StatusCode) {
    let count = cluster.store.len();
    for path in ["/visit", "/slow-visit"] {
        let response = late.post(path, "").await;
        assert_eq!((response.status, response.set_cookie()), (status, None), "{path}");
    }
    assert_eq!(cluster.store.len(), count, "no session was created");
}

#[tokio::test(start_paused = true)]
async fn k1_a_change_with_the_id_from_before_a_login_creates_nothing() {
    let cluster = Cluster::new();
    let (_node, mut browser) = anonymous(&cluster).await;
    let late = browser.clone();
    browser.login("ada").await;
    check_late_change(&cluster, late.on(&cluster.node().await), StatusCode::CONFLICT).await;
    check_late_change(&cluster, late, StatusCode::CONFLICT).await;
    assert_eq!(browser.me().await.unwrap(), "ada 1");
}

#[tokio::test(start_paused = true)]
async fn k1_a_change_with_the_id_from_before_a_logout_creates_nothing() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let late = browser.clone();
    assert_eq!(browser.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    check_late_change(&cluster, late.on(&cluster.node().await), StatusCode::UNAUTHORIZED).await;
    check_late_change(&cluster, late, StatusCode::UNAUTHORIZED).await;
    assert!(cluster.store.is_empty());
}

/// The response to a request that was sent before, and arrives after the login.
#[tokio::test(start_paused = true)]
async fn k1_a_response_to_an_earlier_request_removes_no_cookie() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let mut slow = browser.clone();
    let (response, ()) = tokio::join!(slow.post("/slow-visit", ""), browser.login("bob"));
    assert_eq!((response.status, response.set_cookie()), (StatusCode::UNAUTHORIZED, None));
    let mut slow = browser.clone();
    let (response, renewed) = tokio::join!(slow.post("/slow-visit", ""), browser.post("/renew", ""));
    assert_eq!((response.status, response.set_cookie()), (StatusCode::CONFLICT, None));
    assert!(renewed.set_cookie().is_some());
    assert_eq!(browser.me().await.unwrap(), "bob 0");
}

#[tokio::test(start_paused = true)]
async fn k1_reading_with_an_old_id_sets_no_cookie() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let mut late = browser.clone();
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    for path in ["/me", "/me/fresh", "/visits"] {
        assert_eq!(late.get(path).await.set_cookie(), None, "{path}");
    }
    assert_eq!(late.me().await, Err(StatusCode::UNAUTHORIZED));
}

/// A login is the only change that an old id does not prevent.
#[tokio::test(start_paused = true)]
async fn a_login_with_an_old_id_gets_a_session_with_nothing_of_the_old() {
    let cluster = Cluster::new();
    for path in ["/logout", "/renew"] {
        let (_node, mut browser) = logged_in(&cluster).await;
        assert_eq!(browser.post("/visit", "").await.body, "1");
        let mut late = browser.clone();
        assert!(browser.post(path, "").await.status.is_success());
        late.login("ada").await;
        assert_eq!(late.me().await.unwrap(), "ada 0", "after {path}");
    }
}

/// Its data has no subject.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Nameless {
    user: Option<String>,
}

impl SessionData for Nameless {}

fn routes_without_subject() -> Router {
    async fn log_in(session: Session<Nameless>, user: String) {
        session.renew_for_login();
        session.update(move |data| data.user = Some(user));
    }
    async fn log_in_slowly(session: Session<Nameless>, user: String) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        log_in(session, user).await;
    }
    Router::new()
        .route("/login", post(log_in))
        .route("/slow-login", post(log_in_slowly))
        .route("/only-renew", post(async |session: Session<Nameless>| session.renew_for_login()))
        .route("/destroy", post(async |session: Session<Nameless>| session.destroy()))
        .route("/me", get(async |session: Session<Nameless>| session.get().user.clone().unwrap_or_default()))
}

/// There, a login cannot be told from another change, and would replace the cookie of a newer login.
#[tokio::test(start_paused = true)]
async fn k1_without_a_subject_a_late_login_is_rejected_like_any_other_change() {
    for (path, status) in [("/login", StatusCode::CONFLICT), ("/destroy", StatusCode::UNAUTHORIZED)] {
        let cluster = Cluster::new();
        let mut browser = cluster.node_for::<Nameless>(routes_without_subject()).await.browser();
        assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
        let (mut late, mut slow) = (browser.clone(), browser.clone());
        let (slow, response) = tokio::join!(slow.post("/slow-login", "ada"), browser.post(path, "ada"));
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!((slow.status, slow.set_cookie()), (status, None), "after {path}");
        let count = cluster.store.len();
        let response = late.post("/login", "ada").await;
        assert_eq!((response.status, response.set_cookie()), (status, None), "after {path}");
        assert_eq!(late.post("/only-renew", "").await.set_cookie(), None, "after {path}");
        assert_eq!(cluster.store.len(), count, "no session was created");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_subject_a_login_renews_the_session() {
    let cluster = Cluster::new();
    let mut browser = cluster.node_for::<Nameless>(routes_without_subject()).await.browser();
    assert_eq!(browser.post("/only-renew", "").await.set_cookie(), None, "there is none");
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    for path in ["/login", "/only-renew"] {
        let before = browser.session();
        assert_eq!(browser.post(path, "ada").await.status, StatusCode::OK);
        assert_ne!(browser.session(), before, "{path}");
        assert_eq!(browser.get("/me").await.body, "ada");
    }
}

/// The same where the data can have a subject, and the changes give it none.
#[tokio::test(start_paused = true)]
async fn k1_a_late_renewal_for_a_login_sets_no_cookie_without_a_subject() {
    async fn renew(session: Session<User>, wait: String) {
        tokio::time::sleep(Duration::from_millis(wait.len() as u64)).await;
        session.renew_for_login();
        session.update(|user| user.visits += 1);
    }
    let cluster = Cluster::new();
    let node = cluster.node_for::<User>(Router::new().route("/renew", post(renew))).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    let (mut late, mut slow) = (browser.clone(), browser.clone());
    let (slow, renewed) = tokio::join!(slow.post("/renew", "wait"), browser.post("/renew", ""));
    assert!(renewed.set_cookie().is_some());
    assert_eq!((slow.status, slow.set_cookie()), (StatusCode::CONFLICT, None));
    let response = late.post("/renew", "").await;
    assert_eq!((response.status, response.set_cookie()), (StatusCode::CONFLICT, None));
}

/// Its tombstone has expired.
#[tokio::test(start_paused = true)]
async fn k1_a_session_that_is_not_found_any_more_has_ended() {
    async fn visit_slowly(session: Session<User>, way: String) -> Result<(), SessionError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if way == "refresh" {
            session.refresh().await?;
        } else {
            session.update(|user| user.visits += 1);
            assert!(session.commit().await.is_err());
        }
        assert!(session.is_new());
        session.refresh().await?;
        session.update(|user| user.visits += 1);
        Ok(())
    }
    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/slow", post(visit_slowly))
        .route("/login", post(async |session: Session<User>| session.update(|user| user.visits += 1)));
    for way in ["refresh", "commit"] {
        let mut browser = cluster.node_for::<User>(routes.clone()).await.browser();
        assert_eq!(browser.post("/login", "").await.status, StatusCode::OK);
        let forget = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cluster.store.forget(&browser.session_key());
        };
        let mut slow = browser.clone();
        let (response, ()) = tokio::join!(slow.post("/slow", way), forget);
        assert_eq!((response.status, response.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{way}");
    }
}

/// In an outage, the visitor is treated as one without a session, until the store replies that there was one.
#[tokio::test(start_paused = true)]
async fn k1_a_refresh_finds_that_an_unknown_session_has_ended_or_moved() {
    for (path, expected) in [("/renew", StatusCode::CONFLICT), ("/logout", StatusCode::UNAUTHORIZED)] {
        let cluster = Cluster::new();
        let (_node, mut browser) = logged_in(&cluster).await;
        let node = cluster.node_with(config().session_outage(OutagePolicy::Anonymous)).await;
        let mut late = browser.on(&node);
        node.faults.fail();
        until("the node has detected it", async || !node.sessions.is_healthy()).await;
        let session = late.take_session().await;
        assert!(session.is_new());
        assert!(browser.post(path, "").await.status.is_success());
        node.faults.work();
        until("the node has detected it", async || node.sessions.is_healthy()).await;
        session.refresh().await.unwrap();
        session.update(|user| user.visits += 1);
        assert_eq!(session.commit().await.unwrap_err().status(), expected, "{path}");
    }
}

/// Two users and then none in one request are no login.
#[tokio::test(start_paused = true)]
async fn k1_a_late_change_that_leaves_no_subject_creates_nothing() {
    let cluster = Cluster::new();
    let (node, mut browser) = logged_in(&cluster).await;
    let mut late = browser.clone();
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    let records = cluster.store.len();
    let session = late.take_session().await;
    for name in [Some("bob"), Some("carol"), None] {
        session.update(move |user| user.name = name.map(str::to_owned));
    }
    assert!(matches!(session.commit().await, Err(SessionError::Moved)));
    assert_eq!(cluster.store.len(), records);
    drop(node);
}

/// A logout must not be discarded because the session has moved.
#[tokio::test(start_paused = true)]
async fn k2_a_refresh_after_a_destroy_does_not_discard_it() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let socket = browser.take_session().await;
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    socket.destroy();
    socket.refresh().await.unwrap();
    socket.commit().await.unwrap();
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
}

/// A login is sent twice: both succeed, and either cookie is valid.
#[tokio::test(start_paused = true)]
async fn k1_of_two_logins_at_once_neither_is_rejected() {
    let cluster = Cluster::new();
    let (node, browser) = anonymous(&cluster).await;
    let other = cluster.node().await;
    let (mut one, mut two) = (browser.on(&node), browser.on(&other));
    tokio::join!(one.login("ada"), two.login("ada"));
    for browser in [&mut one, &mut two] {
        assert!(browser.me().await.unwrap().starts_with("ada"));
    }
    assert_ne!(one.session(), two.session());
}

/// K2: with any id that the browser has held.
#[tokio::test(start_paused = true)]
async fn k2_a_logout_with_an_old_id_ends_the_session() {
    let cluster = Cluster::new();
    let (_node, mut browser) = anonymous(&cluster).await;
    let first = browser.clone();
    browser.login("ada").await;
    let second = browser.clone();
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    for old in [first, second, browser.clone()] {
        let response = old.on(&cluster.node().await).post("/logout", "").await;
        assert_eq!(response.status, StatusCode::NO_CONTENT);
        // Time is paused: it goes on when the browser's node has applied the invalidation.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
    }
    assert!(cluster.store.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_destroy_removes_the_cookie() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let mut other = browser.clone();
    assert_eq!(browser.post("/logout", "").await.status, StatusCode::NO_CONTENT);
    for (path, status) in [("/me/fresh", StatusCode::UNAUTHORIZED), ("/me", StatusCode::UNAUTHORIZED)] {
        let response = other.get(path).await;
        assert_eq!((response.status, response.set_cookie()), (status, None), "{path}");
    }
    let response = other.post("/logout", "").await;
    assert!(response.set_cookie().unwrap().contains("Max-Age=0"));
}

/// A socket whose session has moved must not report that it has ended the session.
#[tokio::test(start_paused = true)]
async fn destroying_a_session_that_is_not_found_any_more_is_gone() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let socket = browser.take_session().await;
    cluster.store.forget(&browser.session_key());
    socket.destroy();
    assert!(matches!(socket.commit().await, Err(SessionError::Gone)));
}

#[tokio::test(start_paused = true)]
async fn destroying_a_session_that_has_moved_ends_it() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let socket = browser.take_session().await;
    assert_eq!(browser.post("/renew", "").await.status, StatusCode::OK);
    socket.destroy();
    socket.commit().await.unwrap();
    assert_eq!(browser.me().await, Err(StatusCode::UNAUTHORIZED));
}

/// A visitor logs out in two tabs, and both handlers have seen the session.
#[tokio::test(start_paused = true)]
async fn of_two_logouts_at_once_neither_is_rejected() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let mut other = browser.on(&cluster.node().await);
    let sockets = [browser.take_session().await, other.take_session().await];
    for session in sockets {
        session.destroy();
        session.commit().await.unwrap();
    }
    assert!(cluster.store.is_empty());
}
