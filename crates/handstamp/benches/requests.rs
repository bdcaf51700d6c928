//! The time and the allocations of requests that read a cached session, load one, save one, and renew one.
//!
//! `cargo xtask bench` runs it, with the sessions in memory and in Redis. Blocks of the cases alternate, so that other load on the
//! machine affects all alike. Allocations are those of the task that handles the request.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use handstamp::{Config, Session, SessionData, SessionLayer, Sessions};
use handstamp_testkit::{RedisServer, random_secret};
use http::{HeaderValue, Request, header};
use serde::{Deserialize, Serialize};
use tower::Service;

#[derive(Clone, Default, Deserialize, Serialize)]
struct User {
    id: Option<u64>,
    name: String,
    count: u64,
}

impl SessionData for User {}

/// Requests of one kind, each with the cookie of the response before.
struct Case {
    name: &'static str,
    path: &'static str,
    app: Router,
    cookie: HeaderValue,
    times: Vec<f64>,
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        println!("{:8} {:14} {:>14} {:>14}", "store", "request", "microseconds", "allocations");
        measure("memory", Config::new().session_secret(random_secret())).await;
        let redis = RedisServer::start().await;
        let url = |name: &str| (name == "REDIS_URL").then(|| redis.url());
        measure("Redis", Config::from_vars(url).session_secret(random_secret())).await;
    });
    Ok(())
}

async fn measure(store: &str, config: Config) {
    let cached = Sessions::start(config.clone()).await.unwrap();
    let uncached = Sessions::start(config.local_cache_max_size(0)).await.unwrap();
    let mut cases = [
        Case::new("cached read", "/read", &cached).await,
        Case::new("load", "/read", &uncached).await,
        Case::new("save", "/save", &cached).await,
        Case::new("renewal", "/renew", &cached).await,
    ];
    for _ in 0..BLOCKS {
        for case in &mut cases {
            // The coordinator runs between blocks, and sends its fences.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let mut time = Duration::ZERO;
            for _ in 0..ROUNDS {
                let begun = now();
                case.send().await;
                time += begun.elapsed();
                if case.path == "/renew" {
                    // The background work of a renewal is done before the next request.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            case.times.push(time.as_secs_f64() * 1e6 / f64::from(ROUNDS));
        }
    }
    for mut case in cases {
        let allocations = case.allocations().await;
        case.times.sort_by(f64::total_cmp);
        println!("{store:8} {:14} {:>14.1} {allocations:>14}", case.name, case.times[BLOCKS / 2]);
    }
}

impl Case {
    async fn new(name: &'static str, path: &'static str, node: &Sessions) -> Self {
        let app = Router::new()
            .route("/read", get(async |session: Session<User>| session.get().name.clone()))
            .route("/save", get(async |session: Session<User>| session.update(|user| user.count += 1)))
            .route("/renew", get(async |session: Session<User>| session.renew()))
            .layer(SessionLayer::<User>::new(node));
        let mut case = Self { name, path, app, cookie: HeaderValue::from_static(""), times: Vec::new() };
        let response = case.app.call(Request::get("/save").body(Body::empty()).unwrap()).await.unwrap();
        case.keep_cookie(&response);
        case.send().await;
        case
    }

    async fn send(&mut self) {
        let mut request = Request::get(self.path).body(Body::empty()).unwrap();
        request.headers_mut().insert(header::COOKIE, self.cookie.clone());
        let response = self.app.call(request).await.unwrap();
        assert!(response.status().is_success(), "{}: {}", self.name, response.status());
        self.keep_cookie(&response);
    }

    async fn allocations(&mut self) -> u64 {
        let mut count = 0;
        let mut sent = pin!(self.send());
        poll_fn(|cx| {
            let mut polled = Poll::Pending;
            count += allocation_counter::measure(|| polled = sent.as_mut().poll(cx)).count_total;
            polled
        })
        .await;
        count
    }

    fn keep_cookie(&mut self, response: &Response) {
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            self.cookie = HeaderValue::from_str(cookie.to_str().unwrap().split(';').next().unwrap()).unwrap();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

const BLOCKS: usize = 41;
const ROUNDS: u32 = 100;
