//! K4: panics, in handlers, in changes, and in the application's data.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use handstamp::{DiscardSession, Session, SessionData, SessionError, SessionLayer};
use http::StatusCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tower_http::catch_panic::CatchPanicLayer;

use crate::support::*;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Purse {
    coins: i64,
}

impl SessionData for Purse {}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Cart {
    items: u32,
}

impl SessionData for Cart {}

/// A node with this route at `/do`, and others that show the coins and set them to ten.
async fn node(cluster: &Cluster, route: axum::routing::MethodRouter) -> Node {
    let routes = Router::new()
        .route("/ten", post(async |session: Session<Purse>| session.update(|purse| purse.coins = 10)))
        .route("/coins", get(async |session: Session<Purse>| session.get().coins.to_string()))
        .route("/do", route);
    cluster.node_for::<Purse>(routes.layer(CatchPanicLayer::new())).await
}

/// The status of `/do`, and the coins after it.
async fn done(route: axum::routing::MethodRouter) -> (StatusCode, String) {
    let cluster = Cluster::new();
    let node = node(&cluster, route).await;
    let mut browser = node.browser();
    browser.post("/ten", "").await;
    let status = browser.post("/do", "").await.status;
    // As other nodes see it.
    node.sessions.clear_local_cache();
    (status, browser.get("/coins").await.body)
}

#[tokio::test]
async fn k4_1_a_panic_in_another_task_discards_nothing() {
    let ended = done(post(async |session: Session<Purse>| {
        session.destroy();
        let clone = session.clone();
        let task = tokio::spawn(async move {
            let _clone = clone;
            panic!("on purpose");
        });
        assert!(task.await.is_err());
        "bye"
    }));
    assert_eq!(ended.await, (StatusCode::OK, "0".to_owned()));
    let changed = done(post(async |session: Session<Purse>| {
        session.update(|purse| purse.coins += 1);
        session.renew();
        let clone = session.clone();
        let caught = catch_unwind(AssertUnwindSafe(move || {
            let _clone = clone;
            panic!("on purpose");
        }));
        assert!(caught.is_err());
    }));
    assert_eq!(changed.await, (StatusCode::OK, "11".to_owned()));
}

#[tokio::test]
async fn k4_1_changes_of_a_handler_that_panics_are_discarded() {
    async fn panics(session: Session<Purse>) {
        session.update(|purse| purse.coins += 100);
        session.renew();
        panic!("on purpose");
    }
    assert_eq!(done(post(panics)).await, (StatusCode::INTERNAL_SERVER_ERROR, "10".to_owned()));
}

/// The panic unwinds through the layer itself.
#[tokio::test]
async fn k4_3_a_panic_that_is_caught_outside_the_layer_discards_all_changes() {
    async fn give_away(session: Session<Purse>) {
        session.update(|purse| purse.coins += 100);
    }
    async fn panics(session: Session<Purse>) {
        give_away(session).await;
        panic!("on purpose");
    }
    let cluster = Cluster::new();
    let node = node(&cluster, get(async || ())).await;
    let app = Router::new()
        .route("/do", post(panics))
        .layer(SessionLayer::<Purse>::new(&node.sessions))
        .layer(CatchPanicLayer::new());
    let mut browser = node.browser();
    browser.post("/ten", "").await;
    let mut other = browser.on(&Node { app, ..node.clone() });
    assert_eq!(other.post("/do", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.get("/coins").await.body, "10");
}

/// A task has a clone of the session, and commits after the panic has unwound through the layer.
#[tokio::test]
async fn k4_3_a_task_cannot_commit_the_changes_of_a_handler_that_panicked() {
    type Kept = Arc<Mutex<Option<Session<Purse>>>>;
    async fn panics(State((kept, keeps_handle)): State<(Kept, bool)>, session: Session<Purse>) {
        session.update(|purse| purse.coins += 100);
        let _handle = keeps_handle.then(|| session.clone());
        *kept.lock() = Some(session);
        panic!("on purpose");
    }
    for keeps_handle in [true, false] {
        let cluster = Cluster::new();
        let node = node(&cluster, get(async || ())).await;
        let kept = Kept::default();
        let app = Router::new()
            .route("/do", post(panics))
            .with_state((kept.clone(), keeps_handle))
            .layer(SessionLayer::<Purse>::new(&node.sessions))
            .layer(CatchPanicLayer::new());
        let mut browser = node.browser();
        browser.post("/ten", "").await;
        let mut other = browser.on(&Node { app, ..node.clone() });
        assert_eq!(other.post("/do", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        let session = kept.lock().take().unwrap();
        assert_eq!(session.get().coins, 10);
        assert!(matches!(session.commit().await, Err(SessionError::Aborted)));
        assert_eq!(session.update_and_commit(|purse| purse.coins += 1).await.map_err(drop), Ok(()));
        assert_eq!(browser.get("/coins").await.body, "11");
    }
}

/// For middleware inside the layer whose response is not that of a handler.
#[tokio::test]
async fn k4_3_a_marked_response_discards_all_changes() {
    async fn give_away(session: Session<Purse>) {
        session.update(|purse| purse.coins += 100);
    }
    async fn panics(session: Session<Purse>) {
        give_away(session).await;
        panic!("on purpose");
    }
    fn on_panic(_: Box<dyn std::any::Any + Send>) -> Response {
        let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
        response.extensions_mut().insert(DiscardSession);
        response
    }
    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/ten", post(async |session: Session<Purse>| session.update(|purse| purse.coins = 10)))
        .route("/coins", get(async |session: Session<Purse>| session.get().coins.to_string()))
        .route("/do", post(panics))
        .layer(CatchPanicLayer::custom(on_panic));
    let node = cluster.node_for::<Purse>(routes).await;
    let mut browser = node.browser();
    browser.post("/ten", "").await;
    assert_eq!(browser.post("/do", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/coins").await.body, "10");
}

#[tokio::test]
async fn k4_2_a_change_that_panics_leaves_the_data_as_it_was() {
    let caught = done(post(async |session: Session<Purse>| {
        let halfway = catch_unwind(AssertUnwindSafe(|| {
            session.update(|purse| {
                purse.coins -= 30;
                assert!(purse.coins >= 0, "there are too few");
            });
        }));
        assert!(halfway.is_err());
        assert_eq!(session.get().coins, 10);
        session.update(|purse| purse.coins += 1);
    }));
    assert_eq!(caught.await, (StatusCode::OK, "11".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_4_a_change_can_read_its_session() {
    let read = done(post(async |session: Session<Purse>| {
        session.update(|purse| purse.coins += 1);
        let same = session.clone();
        session.update(move |purse| {
            assert!(!same.is_new() && same.public_id().is_some());
            purse.coins += same.get().coins;
        });
    }));
    assert_eq!(read.await, (StatusCode::OK, "22".to_owned()), "as it was before the change");
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_4_a_change_can_wait_for_another_thread_that_reads_its_session() {
    let waited = done(post(async |session: Session<Purse>| {
        let same = session.clone();
        session.update(move |purse| {
            let same = same.clone();
            purse.coins += std::thread::spawn(move || same.get().coins).join().unwrap();
        });
    }));
    assert_eq!(waited.await, (StatusCode::OK, "20".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_4_a_change_inside_a_change_panics() {
    for act in [
        (|session: &Session<Purse>| session.update(|purse| purse.coins += 1)) as fn(&Session<Purse>),
        |session| session.replace(Purse { coins: 1 }),
        |session| session.destroy(),
        |session| session.discard(),
    ] {
        let nested = done(post(async move |session: Session<Purse>| {
            let same = session.clone();
            session.update(move |purse| {
                purse.coins += 1;
                act(&same);
            });
        }));
        assert_eq!(nested.await, (StatusCode::INTERNAL_SERVER_ERROR, "10".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_4_a_change_that_captures_its_session_can_panic() {
    let captured = done(post(async |session: Session<Purse>| {
        let same = session.clone();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            session.update(move |_| {
                let _same = &same;
                panic!("on purpose");
            });
        }));
        assert!(caught.is_err());
        session.update(|purse| purse.coins += 1);
    }));
    assert_eq!(captured.await, (StatusCode::OK, "11".to_owned()));
}

/// Changes by clones in other threads wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_request_in_many_threads_all_take_effect() {
    let many = done(post(async |session: Session<Purse>| {
        let tasks = (0..8).map(|_| {
            let session = session.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    session.update(|purse| purse.coins += 1);
                    tokio::task::yield_now().await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    }));
    assert_eq!(many.await, (StatusCode::OK, "810".to_owned()));
}

/// During a commit, the handler makes another change, which panics when it is replayed.
#[tokio::test(start_paused = true)]
async fn k4_a_change_that_cannot_be_replayed_is_an_error() {
    let cluster = Cluster::new();
    let node = cluster.bare_node().await;
    let faults = node.faults.clone();
    let handler = async move |session: Session<Purse>| {
        session.update(|purse| purse.coins += 1);
        let (calls, again) = (faults.calls(), Arc::new(AtomicBool::new(false)));
        let (committed, ()) = tokio::join!(session.commit(), async {
            while faults.calls() == calls {
                tokio::task::yield_now().await;
            }
            session.update(move |purse| {
                purse.coins += 100;
                assert!(!again.swap(true, Ordering::SeqCst), "this is a replay");
            });
        });
        committed.unwrap();
        "all is well"
    };
    let app = Router::new()
        .route("/", post(handler))
        .route("/coins", get(async |session: Session<Purse>| session.get().coins.to_string()))
        .route("/items", get(async |session: Session<Cart>| session.get().items.to_string()))
        .layer(SessionLayer::<Purse>::new(&node.sessions))
        .layer(SessionLayer::<Cart>::new(&node.sessions).cookie_name("cart").unwrap());
    node.faults.delay(Duration::from_millis(50));
    let mut browser = Node { app, ..node }.browser();
    assert_eq!(browser.post("/", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.get("/coins").await.body, "1");
}

/// It drops the clones of sessions that it has captured, as a handler does that panics: but the handler has not.
#[tokio::test(start_paused = true)]
async fn k4_4_a_replay_that_captures_sessions_can_panic() {
    let cluster = Cluster::new();
    let node = cluster.bare_node().await;
    let faults = node.faults.clone();
    let handler = async move |session: Session<Purse>, other: Session<Cart>| {
        session.update(|purse| purse.coins += 1);
        other.update(|cart| cart.items += 1);
        let (calls, again) = (faults.calls(), Arc::new(AtomicBool::new(false)));
        let captured = (session.clone(), other.clone());
        let (committed, ()) = tokio::join!(session.commit(), async {
            while faults.calls() == calls {
                tokio::task::yield_now().await;
            }
            session.update(move |purse| {
                let _captured = &captured;
                purse.coins += 100;
                assert!(!again.swap(true, Ordering::SeqCst), "this is a replay");
            });
        });
        committed.unwrap();
        session.commit().await.unwrap_err();
        session.update(|purse| purse.coins += 10);
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/", post(handler))
        .route("/coins", get(async |session: Session<Purse>| session.get().coins.to_string()))
        .route("/items", get(async |session: Session<Cart>| session.get().items.to_string()))
        .layer(SessionLayer::<Purse>::new(&node.sessions))
        .layer(SessionLayer::<Cart>::new(&node.sessions).cookie_name("cart").unwrap());
    node.faults.delay(Duration::from_millis(50));
    let mut browser = Node { app, ..node }.browser();
    assert_eq!(browser.post("/", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(browser.get("/coins").await.body, "11", "the change after the replay is saved");
    assert_eq!(browser.get("/items").await.body, "1", "the change of the other session is saved");
}

/// K3.2, L13: data whose code panics, in a group commit.
#[tokio::test(flavor = "multi_thread")]
async fn k3_2_data_that_panics_when_it_is_encoded_fails_its_own_save_only() {
    #[derive(Clone, Debug, Default, Deserialize)]
    struct Fragile {
        visits: u32,
        #[serde(default)]
        breaks: bool,
    }
    impl Serialize for Fragile {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(!self.breaks, "on purpose");
            std::collections::BTreeMap::from([("visits", self.visits)]).serialize(serializer)
        }
    }
    impl SessionData for Fragile {}

    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/visit", post(async |session: Session<Fragile>| session.update(|data| data.visits += 1)))
        .route("/break", post(async |session: Session<Fragile>| session.update(|data| data.breaks = true)))
        .route("/", get(async |session: Session<Fragile>| session.get().visits.to_string()));
    let node = cluster.node_for::<Fragile>(routes).await;
    let mut browser = node.browser();
    browser.post("/visit", "").await;
    node.faults.delay(Duration::from_millis(20));
    let requests = ["/visit", "/break", "/visit", "/visit", "/break", "/visit"];
    let responses = futures_util::future::join_all(requests.map(|path| {
        let mut browser = browser.clone();
        async move { (path, browser.post(path, "").await.status) }
    }));
    for (path, status) in responses.await {
        let expected = if path == "/break" { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        assert_eq!(status, expected, "{path}");
    }
    assert_eq!(browser.get("/").await.body, "5");
}

/// K3.2: a record that panics when it is decoded. All requests get a response, and the visitor is not locked out.
#[tokio::test(start_paused = true)]
async fn k3_2_data_that_panics_when_it_is_decoded_counts_as_unreadable() {
    #[derive(Clone, Debug, Default, Serialize)]
    struct Trap {
        armed: bool,
    }
    impl<'de> Deserialize<'de> for Trap {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let data = std::collections::BTreeMap::<String, bool>::deserialize(deserializer)?;
            assert!(!data["armed"], "on purpose");
            Ok(Self { armed: false })
        }
    }
    impl SessionData for Trap {}

    let cluster = Cluster::new();
    let routes = Router::new()
        .route("/", get(async |session: Session<Trap>| session.is_new().to_string()))
        .route("/make", post(async |session: Session<Trap>| session.update(|_| ())))
        .route("/arm", post(async |session: Session<Trap>| session.update(|trap| trap.armed = true)));
    let node = cluster.node_for::<Trap>(routes).await;
    let mut browser = node.browser();
    browser.post("/make", "").await;
    assert_eq!(browser.get("/").await.body, "false");
    assert_eq!(browser.post("/arm", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    node.sessions.clear_local_cache();
    assert_eq!(browser.get("/").await.body, "false", "the session is unchanged");

    change_stored(&cluster, &browser, |record| record.payload = b"\x81\xa5armed\xc3".as_slice().into()).await;
    let minute = Duration::from_secs(60);
    node.sessions.clear_local_cache();
    let responses = futures_util::future::join_all((0..3).map(|_| {
        let mut browser = browser.clone();
        async move { browser.get("/").await.body }
    }));
    assert_eq!(tokio::time::timeout(minute, responses).await.expect("all get a response"), ["true"; 3]);
    let calls = node.faults.calls();
    browser.get("/").await;
    assert_eq!(node.faults.calls(), calls, "K3.3: it is not loaded again at once");
}

/// K4.4: the commit would wait for the change, and the change for the commit.
#[tokio::test]
async fn k4_4_a_commit_or_a_renewal_inside_a_change_panics() {
    use futures_util::FutureExt;

    let inside: [fn(&Session<Purse>); 5] = [
        |session| _ = session.commit().now_or_never(),
        |session| _ = session.update_and_commit(|purse| purse.coins += 1).now_or_never(),
        |session| _ = session.refresh().now_or_never(),
        Session::renew,
        Session::renew_for_login,
    ];
    for act in inside {
        let nested = done(post(async move |session: Session<Purse>| {
            let same = session.clone();
            let caught = catch_unwind(AssertUnwindSafe(|| session.update(move |_| act(&same))));
            let message = *caught.unwrap_err().downcast::<&str>().unwrap();
            assert!(message.contains("inside of another change"), "{message}");
            session.update(|purse| purse.coins += 1);
        }));
        assert_eq!(nested.await, (StatusCode::OK, "11".to_owned()));
    }
}

/// The data of a session and the captures of a change read the session when they are dropped.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Reader {
    visits: u64,
    #[serde(skip)]
    on_drop: Option<Arc<ReadOnDrop>>,
}

impl SessionData for Reader {}

struct ReadOnDrop(Session<Reader>, Arc<AtomicUsize>);

impl Drop for ReadOnDrop {
    fn drop(&mut self) {
        let _ = self.0.get();
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn k4_4_values_can_read_the_session_when_they_are_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let ways: [fn(&Session<Reader>); 4] = [
        |session| session.update(|reader| reader.on_drop = None),
        Session::destroy,
        Session::discard,
        |_| (),
    ];
    let counter = dropped.clone();
    let handler = async move |session: Session<Reader>| {
        for act in ways {
            let in_data = Arc::new(ReadOnDrop(session.clone(), counter.clone()));
            let captured = Arc::new(ReadOnDrop(session.clone(), counter.clone()));
            let given = Arc::new(Mutex::new(Some(in_data)));
            session.update(move |reader| {
                let _captured = &captured;
                reader.visits += 1;
                reader.on_drop = given.lock().take();
            });
            act(&session);
            if session.get().on_drop.is_none() {
                session.discard();
            }
        }
        session.commit().await.map_err(|error| error.status())
    };
    let cluster = Cluster::new();
    let node = cluster.node_for::<Reader>(Router::new().route("/do", post(handler))).await;
    assert_eq!(node.browser().post("/do", "").await.status, StatusCode::OK);
    assert_eq!(dropped.load(Ordering::SeqCst), 8);
}
