use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::stream;
use handstamp_testkit::until;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::hold::{Held, Holds, Place};

/// The site that the browser uses: a load balancer in front of the nodes, which can hold requests and responses.
#[derive(Debug)]
pub(crate) struct Gate {
    origin: String,
    upstream: Upstream,
    server: JoinHandle<()>,
}

/// A response that has been passed to the browser.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    path: String,
    pub(crate) status: StatusCode,
    pub(crate) set_cookie: Option<String>,
}

/// The connection to the nodes.
#[derive(Clone, Debug)]
struct Upstream {
    client: Client<HttpConnector, Body>,
    /// The addresses of the nodes: `address:port`.
    nodes: Arc<[String]>,
    /// Round-robin counter for requests without a node.
    turn: Arc<AtomicUsize>,
    holds: Holds,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Gate {
    /// Starts a gate in front of these nodes, as soon as all of them are healthy.
    pub(crate) async fn in_front_of(nodes: impl IntoIterator<Item = String>, holds: Holds) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (turn, passed) = (Arc::default(), Arc::default());
        let upstream = Upstream { client, nodes: nodes.into_iter().collect(), turn, holds, passed };
        for node in 0..upstream.nodes.len() {
            until("the node is healthy", async || {
                upstream.request(node, "/health", "").await == StatusCode::OK
            })
            .await;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(forward).with_state(upstream.clone());
        let server = tokio::spawn(async { axum::serve(listener, app).await.expect("the gate serves") });
        Self { origin, upstream, server }
    }

    /// The origin that the browser sees.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The numbers of the nodes.
    pub(crate) fn nodes(&self) -> Range<usize> {
        0..self.upstream.nodes.len()
    }

    /// Starts to hold requests for this path at this place.
    pub(crate) fn hold(&self, place: Place, path: &str) -> Held {
        self.upstream.holds.hold(place, path)
    }

    /// The last response to a request for this path.
    pub(crate) fn last(&self, path: &str) -> Passed {
        let passed = self.upstream.passed.lock();
        passed.iter().rfind(|passed| passed.path == path).cloned().expect("a response")
    }

    /// Waits until every node rejects every cookie that the browser has received.
    pub(crate) async fn until_no_cookie_logs_in(&self) {
        let passed = self.upstream.passed.lock().clone();
        let cookies = passed.iter().filter_map(|passed| passed.set_cookie.as_deref()?.split(';').next());
        for cookie in cookies.filter(|cookie| !cookie.ends_with('=')) {
            for node in self.nodes() {
                until("an old cookie is rejected", async || {
                    self.upstream.request(node, "/me", cookie).await == StatusCode::UNAUTHORIZED
                })
                .await;
            }
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Upstream {
    /// Sends a request directly to a node, and returns the status.
    async fn request(&self, node: usize, path: &str, cookie: &str) -> StatusCode {
        let request = Request::get(format!("http://{}{path}", self.nodes[node])).header(COOKIE, cookie);
        let request = request.body(Body::empty()).expect("a request");
        self.client.request(request).await.expect("a response").status()
    }

    fn node_for(&self, headers: &HeaderMap) -> &str {
        let named = headers.get(NODE).and_then(|number| number.to_str().ok()?.parse().ok());
        let number = named.unwrap_or_else(|| self.turn.fetch_add(1, Ordering::Relaxed) % self.nodes.len());
        &self.nodes[number]
    }
}

async fn forward(State(upstream): State<Upstream>, mut request: Request) -> Response {
    let path = request.uri().path().to_owned();
    upstream.holds.pass(Place::Request, &path).await;
    let uri = format!("http://{}{}", upstream.node_for(request.headers()), request.uri());
    *request.uri_mut() = uri.parse().expect("a URI");
    if upstream.holds.is_held(Place::Body, &path) {
        let (path, holds) = (path.clone(), upstream.holds.clone());
        request = request.map(|body| {
            Body::from_stream(stream::once(async move {
                holds.pass(Place::Body, &path).await;
                to_bytes(body, usize::MAX).await
            }))
        });
    }
    let response = upstream.client.request(request).await.expect("a response of the node");
    upstream.holds.pass(Place::Response, &path).await;
    let set_cookie =
        response.headers().get(SET_COOKIE).map(|value| value.to_str().expect("ASCII").to_owned());
    upstream.passed.lock().push(Passed { path, status: response.status(), set_cookie });
    response.map(Body::new)
}

/// The header with the number of the node for a request.
pub(crate) const NODE: &str = "x-node";
