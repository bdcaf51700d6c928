//! A small application, and a browser for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use handstamp::store::{Clock, MemoryBus, MemoryStore, Records, SaveOutcome, SystemClock};
use handstamp::{
    Config, Fresh, Peek, Session, SessionData, SessionKey, SessionLayer, SessionRoutes, Sessions,
};
use handstamp_core::cookie::CookieSigner;
use handstamp_core::id::Namespace;
use handstamp_core::keys::{KeyRing, Secret};
use handstamp_core::record::{Opened, Record, Sealer};
use handstamp_core::time::Timestamp;
use handstamp_testkit::{Faults, FaultyStore, ManualClock, random_secret};
use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

/// The keys of the nodes in this process.
pub(crate) fn key_ring() -> KeyRing {
    KeyRing::new(Namespace::default(), &[Secret::parse(secret()).unwrap()]).unwrap()
}

/// The record of the browser's session.
pub(crate) async fn stored_record(cluster: &Cluster, browser: &Browser) -> Record {
    let stored = cluster.store.load(&browser.session_key()).await.unwrap().unwrap();
    match Sealer::new(&key_ring()).open(&stored.entry).unwrap() {
        Opened::Record(record, _) => record,
        Opened::Tombstone(tombstone) => panic!("{tombstone:?}"),
    }
}

/// Changes the record of the browser's session in the store, without an invalidation.
pub(crate) async fn change_stored(cluster: &Cluster, browser: &Browser, change: impl FnOnce(&mut Record)) {
    let mut record = stored_record(cluster, browser).await;
    let replacing = record.revision;
    record.revision = replacing.next(Timestamp::from_millis(1));
    change(&mut record);
    let entry = Sealer::new(&key_ring()).seal(&record).unwrap();
    let saved = cluster.store.save(&entry, replacing, Duration::from_secs(600), Bytes::new()).await;
    assert_eq!(saved.unwrap(), SaveOutcome::Saved);
}

/// The secret of the nodes in this process.
pub(crate) fn secret() -> &'static str {
    static SECRET: OnceLock<String> = OnceLock::new();
    SECRET.get_or_init(random_secret)
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct User {
    pub(crate) name: Option<String>,
    pub(crate) visits: u64,
}

impl SessionData for User {
    fn subject(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The store, the bus and the clock of several nodes.
pub(crate) struct Cluster {
    pub(crate) store: MemoryStore,
    pub(crate) bus: MemoryBus,
    pub(crate) clock: ManualClock,
}

/// One node.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) sessions: Sessions,
    pub(crate) app: Router,
    pub(crate) faults: Faults,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let (bus, clock) = (MemoryBus::new(), ManualClock::new());
        Self { store: MemoryStore::with_clock(bus.clone(), Arc::new(clock.clone())), bus, clock }
    }

    pub(crate) async fn node(&self) -> Node {
        self.node_with(config()).await
    }

    pub(crate) async fn node_with(&self, config: Config) -> Node {
        let node = self.bare_node_with(config).await;
        let app = app(&node.sessions).layer(SessionLayer::<User>::new(&node.sessions));
        Node { app, ..node }
    }

    /// A node without an application.
    pub(crate) async fn bare_node(&self) -> Node {
        self.bare_node_with(config()).await
    }

    pub(crate) async fn bare_node_with(&self, config: Config) -> Node {
        let (store, faults) = FaultyStore::new(self.store.clone());
        let clock = Arc::new(self.clock.clone());
        let sessions = Sessions::start_with_clock(config, store, self.bus.clone(), clock).await.unwrap();
        Node { sessions, app: Router::new(), faults }
    }

    /// A node whose wall clock is wrong by `offset` milliseconds.
    pub(crate) async fn node_with_clock_off_by(&self, config: Config, offset: i64) -> Node {
        self.node_with_clock(config, Arc::new(Skewed { clock: self.clock.clone(), offset })).await
    }

    /// A node with tokio's clock, on a store of its own with the same clock.
    pub(crate) async fn node_with_system_clock(&self, config: Config) -> Node {
        let bus = MemoryBus::new();
        let cluster = Self { store: MemoryStore::new(bus.clone()), bus, clock: self.clock.clone() };
        cluster.node_with_clock(config, Arc::new(SystemClock)).await
    }

    async fn node_with_clock(&self, config: Config, clock: Arc<dyn Clock>) -> Node {
        self.node_on(config, FaultyStore::new(self.store.clone()), clock).await
    }

    /// A node that starts while its store has these faults.
    pub(crate) async fn faulty_node_with_clock_off_by(
        &self,
        config: Config,
        offset: i64,
        fault: impl FnOnce(&Faults),
    ) -> Node {
        let faulty = FaultyStore::new(self.store.clone());
        fault(&faulty.1);
        self.node_on(config, faulty, Arc::new(Skewed { clock: self.clock.clone(), offset })).await
    }

    async fn node_on(
        &self,
        config: Config,
        (store, faults): (FaultyStore<MemoryStore>, Faults),
        clock: Arc<dyn Clock>,
    ) -> Node {
        let sessions = Sessions::start_with_clock(config, store, self.bus.clone(), clock).await.unwrap();
        let app = app(&sessions).layer(SessionLayer::<User>::new(&sessions));
        Node { sessions, app, faults }
    }

    /// A node with these routes, and sessions of this type.
    pub(crate) async fn node_for<T: SessionData>(&self, routes: Router) -> Node {
        let node = self.bare_node().await;
        let app = routes
            .merge(SessionRoutes::<T>::new(&node.sessions))
            .layer(SessionLayer::<T>::new(&node.sessions));
        Node { app, ..node }
    }
}

/// A clock whose wall time is wrong.
#[derive(Debug)]
struct Skewed {
    clock: ManualClock,
    offset: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.timestamp().as_millis().saturating_add_signed(self.offset))
    }
}

impl Node {
    pub(crate) fn browser(&self) -> Browser {
        Browser { app: self.app.clone(), jar: BTreeMap::new() }
    }
}

/// For tests that do not depend on time, which may run on a busy machine: nearly unlimited budgets.
pub(crate) fn config() -> Config {
    const MINUTE: Duration = Duration::from_secs(60);
    with_default_budgets().session_load_budget(MINUTE).session_save_budget(MINUTE)
}

/// For tests of budgets.
pub(crate) fn with_default_budgets() -> Config {
    // The manual clock stands still, and with it the age of a fence.
    Config::new().session_secret(secret()).node_id("node-1")
}

/// Routes for the tests, without a layer.
pub(crate) fn app(sessions: &Sessions) -> Router {
    Router::new()
        .route("/plain", get(async || "ok"))
        .route("/me", get(me))
        .route("/me/fresh", get(async |Fresh(session): Fresh<User>| me(session).await))
        .route("/login", post(login))
        .route("/visit", post(visit))
        .route("/slow-visit", post(slow_visit))
        .route("/destroy", post(async |session: Session<User>| session.destroy()))
        .route("/start-over", post(start_over))
        .route("/grow", post(grow))
        .route("/panic-later", post(panic_later))
        .route("/renew", post(async |session: Session<User>| session.renew()))
        .route("/renew-for-login", post(async |session: Session<User>| session.renew_for_login()))
        .route("/visits", get(async |session: Session<User>| session.get().visits.to_string()))
        .route("/peek", get(async |Peek(session): Peek<User>| session.get().name.clone().unwrap_or_default()))
        .route("/wait/read", get(wait_and_read))
        .route("/wait/change", get(wait_and_change))
        .route("/wait/extract", get(wait_and_extract))
        .route("/take", get(take))
        .merge(SessionRoutes::<User>::new(sessions))
}

async fn me(session: Session<User>) -> Result<String, StatusCode> {
    let user = session.get();
    let name = user.name.clone().ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(format!("{name} {}", user.visits))
}

pub(crate) async fn login(session: Session<User>, name: String) {
    session.renew();
    session.update(move |user| user.name = Some(name));
}

/// Waits as long as an upload takes.
async fn wait_and_read(session: Session<User>) -> Result<String, StatusCode> {
    tokio::time::sleep(Duration::from_secs(9)).await;
    session.refresh().await.map_err(|error| error.status())?;
    me(session).await
}

async fn wait_and_change(session: Session<User>) -> String {
    tokio::time::sleep(Duration::from_secs(9)).await;
    visit(session).await
}

/// Extracts the session late, as behind a slow extractor.
async fn wait_and_extract(mut parts: Parts) -> Result<String, StatusCode> {
    tokio::time::sleep(Duration::from_secs(9)).await;
    let session = Session::from_request_parts(&mut parts, &()).await;
    me(session.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?).await
}

/// Gives the session to the test, as a stream keeps it after the response.
async fn take(session: Session<User>) -> Response {
    let mut response = StatusCode::OK.into_response();
    response.extensions_mut().insert(session);
    response
}

async fn visit(session: Session<User>) -> String {
    session.update(|user| user.visits += 1);
    session.get().visits.to_string()
}

async fn slow_visit(session: Session<User>) -> String {
    tokio::time::sleep(Duration::from_millis(100)).await;
    visit(session).await
}

/// Stores more than `SESSION_MAX_SIZE`.
async fn grow(session: Session<User>) {
    session.update(|user| user.name = Some("x".repeat(100_000)));
}

/// A change that panics when it is replayed.
async fn panic_later(session: Session<User>) {
    let again = Arc::new(AtomicBool::new(false));
    session.update(move |user| {
        user.visits += 1_000;
        assert!(!again.swap(true, Ordering::SeqCst), "this is a replay");
    });
}

async fn start_over(session: Session<User>) {
    session.destroy();
    session.update(|user| user.visits = 1);
}

/// A node, and a browser that is logged in there.
pub(crate) async fn logged_in(cluster: &Cluster) -> (Node, Browser) {
    logged_in_with(cluster, config()).await
}

/// The same, with settings of its own.
pub(crate) async fn logged_in_with(cluster: &Cluster, config: Config) -> (Node, Browser) {
    let node = cluster.node_with(config).await;
    let mut browser = node.browser();
    browser.login("ada").await;
    (node, browser)
}

/// Keeps cookies, and sends them back.
#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    jar: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct ClientResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    /// The same browser, with another application's server.
    pub(crate) fn on(&self, node: &Node) -> Self {
        Self { app: node.app.clone(), jar: self.jar.clone() }
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(String::as_str)
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.jar.insert(name.to_owned(), value.to_owned());
    }

    /// The session cookie. Panics when there is none.
    #[track_caller]
    pub(crate) fn session(&self) -> String {
        self.cookie("__Host-id").expect("there is a session cookie").to_owned()
    }

    /// The key of the session.
    pub(crate) fn session_key(&self) -> SessionKey {
        let opened = CookieSigner::new(&key_ring(), "__Host-id").verify(self.session().as_bytes()).unwrap();
        Namespace::default().session_key(&opened.id)
    }

    /// The session of a request whose response has been sent.
    pub(crate) async fn take_session(&mut self) -> Session<User> {
        let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::get("/take").header(COOKIE, pairs.join("; ")).body(Body::empty()).unwrap();
        let mut response = self.app.clone().oneshot(request).await.unwrap();
        response.extensions_mut().remove::<Session<User>>().expect("the session")
    }

    pub(crate) async fn get(&mut self, path: &str) -> ClientResponse {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> ClientResponse {
        self.send(Request::post(path).body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> ClientResponse {
        if !self.jar.is_empty() && !request.headers().contains_key(COOKIE) {
            let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert(COOKIE, pairs.join("; ").parse().unwrap());
        }
        if request.method() == Method::POST {
            request.headers_mut().entry("host").or_insert("shop.example".parse().unwrap());
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        for header in response.headers().get_all(SET_COOKIE) {
            let (pair, attributes) = header.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        ClientResponse {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    /// Logs in. Panics when that fails.
    pub(crate) async fn login(&mut self, name: &str) {
        assert_eq!(self.post("/login", name).await.status, StatusCode::OK);
    }

    /// The response of `/me`: name and visits, or the status if it is not 200.
    pub(crate) async fn me(&mut self) -> Result<String, StatusCode> {
        let response = self.get("/me").await;
        if response.status == StatusCode::OK { Ok(response.body) } else { Err(response.status) }
    }
}

impl ClientResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookie(&self) -> Option<&str> {
        self.header("set-cookie")
    }
}
