//! The memory that sessions take in the local cache, and the estimate of the cache.
//!
//! `cargo xtask bench` runs it. The figures are bytes that were requested from the allocator, without its own overhead.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod payloads;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use handstamp::store::{MemoryBus, MemoryStore};
use handstamp::{Config, Session, SessionData, SessionLayer, Sessions};
use http::{HeaderValue, Request, header};
use tower::Service;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{:34} {:>10} {:>10} {:>10}", "bytes a session in the cache", "encoded", "taken", "estimated");
    runtime.block_on(async {
        payloads::for_each(&mut InTheCache).await;
    });
    Ok(())
}

struct InTheCache;

impl payloads::Measure for InTheCache {
    async fn measure<T: SessionData>(&mut self, name: &str, data: fn() -> T) {
        measure(name, data).await;
    }
}

/// Measures the memory of sessions with this data on a node that reads them for the first time.
async fn measure<T: SessionData>(name: &str, data: fn() -> T) {
    let bus = MemoryBus::new();
    let store = MemoryStore::new(bus.clone());
    let config = Config::new().secret_or_random();
    let node = async || {
        let config = config.clone().local_cache_ttl(Duration::from_secs(3_600));
        Sessions::start_with(config, store.clone(), bus.clone()).await.unwrap()
    };
    let (writer, reader) = (node().await, node().await);
    let mut writing = app(&writer, data);
    let mut cookies = Vec::new();
    for _ in 0..SESSIONS {
        let response = writing.call(Request::get("/write").body(Body::empty()).unwrap()).await.unwrap();
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        cookies.push(HeaderValue::try_from(cookie.split(';').next().unwrap()).unwrap());
    }
    let mut reading = app(&reader, data);
    let mut taken = 0;
    for cookie in &cookies {
        let mut response = None;
        let begun = allocation_counter::measure(|| {
            let mut request = Request::get("/read").body(Body::empty()).unwrap();
            request.headers_mut().insert(header::COOKIE, cookie.clone());
            response = Some(Box::pin(reading.call(request)));
        });
        taken += begun.bytes_current;
        poll_fn(|cx| {
            let mut polled = Poll::Pending;
            let measured = allocation_counter::measure(|| {
                polled = response.as_mut().unwrap().as_mut().poll(cx).map(drop);
                if polled.is_ready() {
                    response = None;
                }
            });
            taken += measured.bytes_current;
            polled
        })
        .await;
    }
    let stats = reader.cache_stats();
    assert_eq!(stats.size, SESSIONS, "all are in the cache");
    let encoded = rmp_serde::to_vec_named(&data()).unwrap().len();
    println!("{name:34} {encoded:>10} {:>10} {:>10}", taken / SESSIONS as i64, stats.bytes / SESSIONS);
}

fn app<T: SessionData>(node: &Sessions, data: fn() -> T) -> Router {
    Router::new()
        .route("/write", get(async move |session: Session<T>| session.replace(data())))
        .route("/read", get(async |session: Session<T>| drop(session)))
        .layer(SessionLayer::<T>::new(node))
}

const SESSIONS: usize = 500;
