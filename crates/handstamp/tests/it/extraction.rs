//! How handlers and services get their session.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use handstamp::{Fresh, Session, SessionData, SessionError, SessionLayer, SessionRoutes};
use handstamp_testkit::{Log, until};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::support::{Cluster, Node, User};

async fn serve(cluster: &Cluster, router: Router) -> Node {
    let node = cluster.node().await;
    let app = router.layer(SessionLayer::<User>::new(&node.sessions));
    Node { app, ..node }
}

/// F18: the response contained the name of a Rust type, and did not explain that the order was wrong.
#[tokio::test]
async fn k11_f18_a_missing_layer_is_logged() {
    #[derive(Clone, Default, Deserialize, Serialize)]
    struct Uncovered {}
    impl SessionData for Uncovered {}

    let (log, _guard) = Log::capture();
    let node = Cluster::new().node().await;
    let app = Router::new()
        .route("/", get(async |_: Session<Uncovered>| ()))
        .route("/optional", get(async |_: Option<Session<Uncovered>>| ()))
        .route("/fresh", get(async |_: Fresh<Uncovered>| ()))
        .merge(SessionRoutes::<Uncovered>::new(&node.sessions));
    let mut browser = Node { app, ..node }.browser();
    for path in ["/", "/optional", "/fresh"] {
        let response = browser.get(path).await;
        assert_eq!((response.status, &*response.body), (StatusCode::INTERNAL_SERVER_ERROR, ""), "{path}");
    }
    assert_eq!(browser.post("/logout", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let line =
        "Uncovered> covers this route: a layer covers only routes that were added to the router before it";
    // The throttle is shared with other tests, so the line may be a second late.
    until("a line in the log", async || {
        browser.get("/").await;
        log.text().contains(line)
    })
    .await;
    for _ in 0..1_000 {
        browser.get("/").await;
    }
    let lines = log.text().matches(line).count();
    assert!(lines < 500, "{lines} lines about 1000 requests");
}

#[tokio::test]
async fn an_optional_session_is_some_if_it_is_stored() {
    async fn who(session: Option<Session<User>>) -> String {
        session.map_or("anonymous".to_owned(), |session| session.get().name.clone().unwrap_or_default())
    }
    let cluster = Cluster::new();
    let router = Router::new().route("/who", get(who)).route(
        "/login",
        post(async |session: Session<User>| {
            assert!(session.is_new());
            session.update(|user| user.name = Some("ada".to_owned()));
            assert!(session.is_new(), "it is not stored yet");
        }),
    );
    let mut browser = serve(&cluster, router).await.browser();
    let response = browser.get("/who").await;
    assert_eq!((&*response.body, response.header("vary")), ("anonymous", Some("cookie")));
    browser.post("/login", "").await;
    assert_eq!(browser.get("/who").await.body, "ada");
}

#[tokio::test]
async fn a_session_has_metadata() {
    async fn about(session: Session<User>) -> String {
        let Some(handle) = session.public_id() else {
            return "none".to_owned();
        };
        assert!(!session.is_new());
        assert_eq!(format!("{session:?}"), format!("Session {{ public_id: Some(PublicId({handle})), .. }}"));
        let (created, seen) = (session.created_at().unwrap(), session.last_seen().unwrap());
        let expires = session.expires_at().unwrap();
        assert!(created <= seen && seen < expires, "{created:?} {seen:?} {expires:?}");
        assert!(session.key().is_some());
        handle.to_string()
    }
    let cluster = Cluster::new();
    let router = Router::new()
        .route("/about", get(about))
        .route("/visit", post(async |session: Session<User>| session.update(|user| user.visits += 1)))
        .route("/renew", post(async |session: Session<User>| session.renew()));
    let mut browser = serve(&cluster, router).await.browser();
    assert_eq!(browser.get("/about").await.body, "none");
    browser.post("/visit", "").await;
    let public_id = browser.get("/about").await.body;
    assert_eq!(public_id.len(), 22);
    browser.post("/renew", "").await;
    assert_eq!(browser.get("/about").await.body, public_id, "a renewal keeps the public id");
}

#[tokio::test]
async fn a_middleware_and_a_handler_share_one_session_and_one_load() {
    async fn count(session: Session<User>, request: Request, next: Next) -> Response {
        session.update(|user| user.visits += 1);
        next.run(request).await
    }
    let cluster = Cluster::new();
    let router = Router::new()
        .route("/", get(async |session: Session<User>| session.get().visits.to_string()))
        .route_layer(from_fn(count));
    let node = serve(&cluster, router).await;
    let mut browser = node.browser();
    assert_eq!(browser.get("/").await.body, "1");
    node.sessions.clear_local_cache();
    let calls = node.faults.calls();
    assert_eq!(browser.get("/").await.body, "2");
    assert_eq!(node.faults.calls(), calls + 2, "one load, one save");
}

#[tokio::test]
async fn a_tower_service_finds_the_session_in_the_extensions() {
    let cluster = Cluster::new();
    let service = tower::service_fn(async |request: Request| {
        let session = Session::<User>::from_extensions(request.extensions()).await.unwrap();
        let visits = session.update(|user| {
            user.visits += 1;
            user.visits
        });
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(visits.to_string())))
    });
    let node = serve(&cluster, Router::new().fallback_service(service)).await;
    let mut browser = node.browser();
    assert_eq!(browser.get("/any").await.body, "1");
    assert_eq!(browser.get("/any").await.body, "2");
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Cart {
    items: u32,
}

impl SessionData for Cart {}

#[tokio::test]
async fn two_layers_with_two_types_can_be_on_one_router() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let app = Router::new()
        .route("/user", post(async |session: Session<User>| session.update(|user| user.visits += 1)))
        .route("/cart", post(async |session: Session<Cart>| session.update(|cart| cart.items += 10)))
        .route(
            "/both",
            get(async |user: Session<User>, cart: Session<Cart>| {
                format!("{} {}", user.get().visits, cart.get().items)
            }),
        )
        .layer(SessionLayer::<User>::new(&node.sessions))
        .layer(SessionLayer::<Cart>::new(&node.sessions).cookie_name("cart").unwrap());
    let node = Node { app, ..node };
    let mut browser = node.browser();
    assert!(browser.post("/user", "").await.set_cookie().unwrap().starts_with("__Host-id="));
    assert!(browser.post("/cart", "").await.set_cookie().unwrap().starts_with("__Host-cart="));
    assert_eq!(browser.get("/both").await.body, "1 10");
    assert_eq!(cluster.store.len(), 2);

    // The cookie of one layer is not valid for the other, although the secret is the same.
    let mut swapped = node.browser();
    swapped.set_cookie("__Host-id", browser.cookie("__Host-cart").unwrap());
    swapped.set_cookie("__Host-cart", browser.cookie("__Host-id").unwrap());
    assert_eq!(swapped.get("/both").await.body, "0 0");
}

/// K9, F6, S90: each layer would accept the other's sessions.
#[tokio::test]
#[should_panic(expected = "use the cookie __Host-id, and each would accept the other's sessions")]
async fn k9_f6_a_cookie_cannot_have_sessions_of_two_types() {
    let cluster = Cluster::new();
    let node = cluster.bare_node().await;
    let router = || Router::<()>::new().route("/", get(async || ()));
    let _fine = router().layer(SessionLayer::<User>::new(&node.sessions));
    let _fine = router().layer(SessionLayer::<User>::new(&node.sessions));
    let _fine = router().layer(SessionLayer::<Cart>::new(&node.sessions).cookie_name("cart").unwrap());
    let _wrong = router().layer(SessionLayer::<Cart>::new(&node.sessions));
}

/// The inner session has moved to its new id already: without the cookie it would be lost.
#[tokio::test(start_paused = true)]
async fn an_outer_layer_that_fails_keeps_the_cookie_of_an_inner_layer() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let app = Router::new()
        .route(
            "/both",
            post(async |user: Session<User>, cart: Session<Cart>| {
                user.update(|user| user.visits += 1);
                user.renew();
                cart.update(|cart| cart.items += 1);
            }),
        )
        .route("/me", get(async |user: Session<User>| user.get().visits.to_string()))
        .layer(SessionLayer::<User>::new(&node.sessions))
        .layer(SessionLayer::<Cart>::new(&node.sessions).cookie_name("cart").unwrap());
    let node = Node { app, ..node };
    let mut browser = node.browser();
    assert_eq!(browser.post("/both", "").await.status, StatusCode::OK);
    let before = browser.session();
    // A renewal saves nothing under the old id.
    node.faults.always_conflict();
    assert_eq!(browser.post("/both", "").await.status, StatusCode::CONFLICT);
    assert_ne!(browser.session(), before);
    assert_eq!(browser.get("/me").await.body, "2");
}

#[tokio::test]
async fn replace_and_update_and_clones_work_on_one_session() {
    let cluster = Cluster::new();
    let router = Router::new().route(
        "/",
        post(async |session: Session<User>| {
            let clone = session.clone();
            session.replace(User { name: Some("ada".to_owned()), visits: 41 });
            clone.update(|user| user.visits += 1);
            assert_eq!(session.get().visits, 42);
        }),
    );
    let router = router.route("/me", get(async |session: Session<User>| format!("{:?}", session.get())));
    let mut browser = serve(&cluster, router).await.browser();
    browser.post("/", "").await;
    assert_eq!(browser.get("/me").await.body, "User { name: Some(\"ada\"), visits: 42 }");
}

#[tokio::test]
async fn discarded_changes_are_not_saved() {
    let cluster = Cluster::new();
    let router = Router::new()
        .route("/visit", post(async |session: Session<User>| session.update(|user| user.visits += 1)))
        .route(
            "/discard",
            post(async |session: Session<User>| {
                session.update(|user| user.visits += 100);
                session.renew();
                session.discard();
                assert_eq!(session.get().visits, 1);
            }),
        )
        .route("/", get(async |session: Session<User>| session.get().visits.to_string()));
    let mut browser = serve(&cluster, router).await.browser();
    browser.post("/visit", "").await;
    assert_eq!(browser.post("/discard", "").await.set_cookie(), None);
    assert_eq!(browser.get("/").await.body, "1");
}

#[tokio::test]
async fn changes_are_saved_when_a_handler_responds_with_an_error() {
    let cluster = Cluster::new();
    let router = Router::new()
        .route(
            "/fail",
            post(async |session: Session<User>| {
                session.update(|user| user.visits += 1);
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route("/", get(async |session: Session<User>| session.get().visits.to_string()));
    let mut browser = serve(&cluster, router).await.browser();
    assert_eq!(browser.post("/fail", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.get("/").await.body, "1");
}

#[tokio::test]
async fn a_change_after_the_response_is_lost() {
    let cluster = Cluster::new();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new()
        .route(
            "/",
            post(
                async |Extension(sender): Extension<tokio::sync::mpsc::UnboundedSender<_>>,
                       session: Session<User>| {
                    session.update(|user| user.visits += 1);
                    sender.send(session).unwrap();
                },
            ),
        )
        .route("/", get(async |session: Session<User>| session.get().visits.to_string()))
        .layer(Extension(sender));
    let mut browser = serve(&cluster, router).await.browser();
    browser.post("/", "").await;
    let late: Session<User> = receiver.recv().await.unwrap();
    late.update(|user| user.visits += 100);
    late.renew();
    assert_eq!(late.get().visits, 101);
    assert_eq!(browser.get("/").await.body, "1");
}

#[tokio::test]
async fn outer_layers_find_the_error_in_the_extensions() {
    let cluster = Cluster::new();
    let node = cluster.node().await;
    let app = Router::new()
        .route("/", post(async |session: Session<User>| session.update(|user| user.visits += 1)))
        .layer(SessionLayer::<User>::new(&node.sessions))
        .layer(axum::middleware::map_response(async |response: Response| {
            let error = response.extensions().get::<SessionError>().map(ToString::to_string);
            (response.status(), error.unwrap_or_default())
        }));
    let node = Node { app, ..node };
    node.faults.fail();
    let response = node.browser().post("/", "").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.body, "the session store cannot be reached");
}

#[tokio::test]
async fn too_much_data_is_rejected_and_the_old_data_stays() {
    let cluster = Cluster::new();
    let router = Router::new()
        .route(
            "/",
            post(async |session: Session<User>, name: String| {
                session.update(move |user| user.name = Some(name));
            }),
        )
        .route("/", get(async |session: Session<User>| session.get().name.clone().unwrap_or_default()));
    let mut browser = serve(&cluster, router).await.browser();
    browser.post("/", "ada").await;
    let response = browser.post("/", &"x".repeat(70_000)).await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.get("/").await.body, "ada");
}

/// K9, F6: two types can have the same name.
#[tokio::test]
#[should_panic(expected = "use the cookie __Host-id, and each would accept the other's sessions")]
async fn k9_f6_types_with_the_same_name_are_two_types() {
    let cluster = Cluster::new();
    let node = cluster.bare_node().await;
    let one = {
        #[derive(Clone, Default, Deserialize, Serialize)]
        struct Visitor {}
        impl SessionData for Visitor {}
        let _layered = Router::<()>::new()
            .route("/", get(async || ()))
            .layer(SessionLayer::<Visitor>::new(&node.sessions));
        std::any::type_name::<Visitor>()
    };
    #[derive(Clone, Default, Deserialize, Serialize)]
    struct Visitor {}
    impl SessionData for Visitor {}
    assert_eq!(one, std::any::type_name::<Visitor>());
    let _wrong =
        Router::<()>::new().route("/", get(async || ())).layer(SessionLayer::<Visitor>::new(&node.sessions));
}
