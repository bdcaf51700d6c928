//! Changes of the subject: logins, changes to no subject, and one user after another.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use handstamp::{Session, SessionError, SessionLayer};
use handstamp_testkit::until;
use http::StatusCode;

use crate::support::{Browser, Cluster, Node, User, logged_in};

fn routes() -> Router {
    Router::new()
        .route("/login", post(log_in))
        .route(
            "/remove-subject",
            post(async |session: Session<User>| session.update(|user| user.name = None)),
        )
        .route("/login-each", post(log_in_each))
        .route("/visit", post(async |session: Session<User>| session.update(|user| user.visits += 1)))
        .route("/take", axum::routing::get(take))
        .route("/me", axum::routing::get(me))
}

/// Without a call of `renew`. Returns the number of visits that the handler sees.
async fn log_in(session: Session<User>, name: String) -> String {
    session.update(move |user| user.name = Some(name));
    session.get().visits.to_string()
}

/// Logs these users in, one after the other, each with a hundred visits; `-` removes the subject. Returns the number of visits that the
/// handler sees.
async fn log_in_each(session: Session<User>, names: String) -> String {
    for name in names.split(' ').map(str::to_owned) {
        session.update(move |user| {
            user.name = Some(name).filter(|name| name != "-");
            user.visits += 100;
        });
    }
    session.get().visits.to_string()
}

async fn me(session: Session<User>) -> String {
    let user = session.get();
    format!("{} {}", user.name.as_deref().unwrap_or("anonymous"), user.visits)
}

async fn take(session: Session<User>) -> axum::response::Response {
    let mut response = axum::response::Response::default();
    response.extensions_mut().insert(session);
    response
}

/// A node, and a browser with a session without a subject, which has one visit.
async fn visited(cluster: &Cluster) -> (Node, Browser) {
    let node = cluster.node_for::<User>(routes()).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
    (node, browser)
}

/// S86
#[tokio::test(start_paused = true)]
async fn s86_a_login_renews_the_session_by_itself() {
    let cluster = Cluster::new();
    let (_node, mut browser) = visited(&cluster).await;
    let before = browser.session();
    assert_eq!(browser.post("/login", "ada").await.body, "1", "what a visitor has collected is kept");
    assert_ne!(browser.session(), before);
    assert_eq!(browser.get("/me").await.body, "ada 1");
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_subject_have_a_label_in_common() {
    let cluster = Cluster::new();
    let (node, mut first) = visited(&cluster).await;
    let mut second = node.browser();
    for browser in [&mut first, &mut second] {
        assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    }
    assert_eq!(first.session_key().label(), second.session_key().label());
    let mut other = node.browser();
    assert_eq!(other.post("/login", "bob").await.status, StatusCode::OK);
    assert_ne!(first.session_key().label(), other.session_key().label());
}

#[tokio::test(start_paused = true)]
async fn one_subject_gets_nothing_of_another_and_the_handler_sees_that() {
    let cluster = Cluster::new();
    let (_node, mut browser) = visited(&cluster).await;
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    let (ada, before) = (browser.clone(), browser.session());
    assert_eq!(browser.post("/login", "bob").await.body, "0");
    assert_ne!(browser.session(), before);
    assert_eq!(browser.get("/me").await.body, "bob 0");
    assert_eq!(ada.clone().get("/me").await.body, "anonymous 0", "the session of the other has ended");
}

/// A middleware logs in the remembered user, and the handler another one.
#[tokio::test(start_paused = true)]
async fn k1_the_second_user_in_one_request_gets_nothing_of_the_first() {
    for (names, visits) in [
        ("ada bob", 100),
        ("ada - bob", 100),
        ("ada bob carol", 100),
        ("ada bob ada", 100),
        ("ada - bob bob", 200),
        ("- ada - bob", 100),
    ] {
        for begins_as in ["anonymous", "anonymous with a session", "carol"] {
            let cluster = Cluster::new();
            let (node, mut browser) = visited(&cluster).await;
            match begins_as {
                "anonymous" => browser = node.browser(),
                "carol" => assert_eq!(browser.post("/login", "carol").await.status, StatusCode::OK),
                _ => {}
            }
            let before = browser.clone();
            assert_eq!(
                browser.post("/login-each", names).await.body,
                visits.to_string(),
                "{begins_as}: {names}"
            );
            let last = names.rsplit(' ').next().unwrap();
            assert_eq!(browser.get("/me").await.body, format!("{last} {visits}"), "{begins_as}: {names}");
            assert_eq!(before.clone().get("/me").await.body, "anonymous 0", "{begins_as}: {names}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_subject_gets_nothing_of_another_that_was_logged_in_before_the_commit() {
    let cluster = Cluster::new();
    let routes = routes().route(
        "/login-twice",
        post(async |session: Session<User>| {
            for name in ["ada", "bob"] {
                session
                    .update(move |user| (user.name, user.visits) = (Some(name.to_owned()), user.visits + 1));
                session.commit().await?;
            }
            Ok::<_, SessionError>(())
        }),
    );
    let mut browser = cluster.node_for::<User>(routes).await.browser();
    assert_eq!(browser.post("/login-twice", "").await.status, StatusCode::OK);
    assert_eq!(browser.get("/me").await.body, "bob 1");
}

#[tokio::test(start_paused = true)]
async fn a_subject_that_leaves_keeps_the_session_and_its_id() {
    let cluster = Cluster::new();
    let (_node, mut browser) = visited(&cluster).await;
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    let before = browser.session();
    assert_eq!(browser.post("/remove-subject", "").await.set_cookie(), None);
    assert_eq!(browser.session(), before);
    assert_eq!(browser.get("/me").await.body, "anonymous 1");
}

#[tokio::test(start_paused = true)]
async fn after_the_response_a_subject_can_leave_and_none_can_come() {
    let cluster = Cluster::new();
    let (_node, mut browser) = visited(&cluster).await;
    let socket = browser.take_session().await;
    socket.update(|user| user.name = Some("ada".to_owned()));
    assert!(matches!(socket.commit().await, Err(SessionError::ResponseAlreadySent)));
    assert_eq!(browser.get("/me").await.body, "anonymous 1");
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    let socket = browser.take_session().await;
    socket.update(|user| user.name = Some("bob".to_owned()));
    assert!(matches!(socket.commit().await, Err(SessionError::ResponseAlreadySent)));
    socket.update(|user| user.name = None);
    socket.commit().await.unwrap();
    assert_eq!(browser.get("/me").await.body, "anonymous 1");
}

/// A change that was made for one subject is not made on the data of another.
#[tokio::test(start_paused = true)]
async fn changes_are_replayed_only_for_the_subject_that_the_handler_saw() {
    let cluster = Cluster::new();
    let (node, mut browser) = visited(&cluster).await;
    assert_eq!(browser.post("/login", "ada").await.status, StatusCode::OK);
    let late = browser.take_session().await;
    late.update(|user| user.visits += 100);
    assert_eq!(browser.post("/remove-subject", "").await.status, StatusCode::OK);
    assert!(matches!(late.commit().await, Err(SessionError::Gone)));
    let elsewhere = browser.on(&cluster.node_for::<User>(routes()).await).take_session().await;
    elsewhere.update(|user| user.visits += 100);
    assert!(elsewhere.commit().await.is_ok(), "it has seen a session without a subject");
    assert_eq!(browser.on(&node).get("/me").await.body, "anonymous 101");
}

/// A change that is a login only on the data that another request has saved meanwhile.
#[tokio::test(start_paused = true)]
async fn a_replay_that_logs_in_renews_the_session() {
    async fn log_in_on_the_second_visit(session: Session<User>) -> Result<(), SessionError> {
        session.update(|user| {
            if user.visits >= 2 {
                user.name = Some("ada".to_owned());
            }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        session.commit().await
    }
    let cluster = Cluster::new();
    let node = cluster.node_for::<User>(routes().route("/second", post(log_in_on_the_second_visit))).await;
    let mut browser = node.browser();
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
    let (before, mut other) = (browser.session(), browser.clone());
    let (response, visited) = tokio::join!(browser.post("/second", ""), other.post("/visit", ""));
    assert_eq!((response.status, visited.status), (StatusCode::OK, StatusCode::OK));
    assert_ne!(browser.session(), before);
    assert_eq!(browser.get("/me").await.body, "ada 2");
    assert_eq!(other.get("/me").await.body, "anonymous 0", "the old id is of no use");
}

/// Two changes that log in one user after the other only on the data that another request has saved meanwhile.
#[tokio::test(start_paused = true)]
async fn k1_a_replay_that_replaces_one_user_by_another_is_gone() {
    async fn log_two_in_on_the_second_visit(
        session: Session<User>,
        refresh: String,
    ) -> Result<(), SessionError> {
        for name in ["ada", "bob"] {
            session.update(move |user| {
                if user.visits >= 2 {
                    (user.name, user.visits) = (Some(name.to_owned()), user.visits + 100);
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if refresh == "refresh" {
            session.refresh().await?;
        }
        session.commit().await
    }
    let cluster = Cluster::new();
    let routes = routes().route("/second", post(log_two_in_on_the_second_visit));
    let node = cluster.node_for::<User>(routes).await;
    for way in ["commit", "refresh"] {
        let mut browser = node.browser();
        assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
        let mut other = browser.clone();
        let (response, visited) = tokio::join!(browser.post("/second", way), other.post("/visit", ""));
        assert_eq!(visited.status, StatusCode::OK);
        assert_eq!((response.status, response.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{way}");
        assert_eq!(other.get("/me").await.body, "anonymous 2", "{way}");
    }
}

/// The second change was made for the user that the first one has logged in.
#[tokio::test(start_paused = true)]
async fn k1_changes_for_a_user_whose_login_fails_are_discarded() {
    let cluster = Cluster::new();
    let node = cluster.node_for::<User>(routes()).await;
    let faults = node.faults.clone();
    let log_in_and_go_on = async move |session: Session<User>| {
        session.update(|user| user.name = Some("ada".to_owned()));
        faults.hang();
        let (committed, ()) = tokio::join!(session.commit(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(session.get().name.as_deref(), Some("ada"), "the commit goes on");
            session.update(|user| user.visits += 100);
        });
        assert!(matches!(committed, Err(SessionError::Store(_))));
        faults.work();
        session.commit().await.map_err(|error| error.status().to_string())
    };
    let layer = SessionLayer::<User>::new(&node.sessions);
    let app = routes().route("/go-on", post(log_in_and_go_on)).layer(layer);
    let mut browser = Node { app, ..node.clone() }.browser();
    assert_eq!(browser.post("/visit", "").await.status, StatusCode::OK);
    assert_eq!(browser.post("/go-on", "").await.body, "401 Unauthorized");
    until("the node has detected it", async || node.sessions.is_healthy()).await;
    assert_eq!(browser.get("/me").await.body, "anonymous 1");
}

#[tokio::test(start_paused = true)]
async fn refreshing_does_not_carry_changes_over_to_another_subject() {
    let cluster = Cluster::new();
    let (_node, mut browser) = logged_in(&cluster).await;
    let late = browser.take_session().await;
    late.update(|user| user.visits += 100);
    let leaving = browser.take_session().await;
    leaving.update(|user| user.name = None);
    leaving.commit().await.unwrap();
    late.refresh().await.unwrap();
    assert!(matches!(late.commit().await, Err(SessionError::Gone)));
    assert_eq!((late.get().name.clone(), late.get().visits), (None, 0));
}
