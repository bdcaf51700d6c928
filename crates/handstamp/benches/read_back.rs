//! The cost of decoding the encoded data before every save.
//!
//! `cargo xtask bench` runs it. Blocks of requests that save a session in memory and blocks of decodings alternate, so that other load
//! on the machine affects both alike.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod payloads;

use std::hint::black_box;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use handstamp::{Config, Session, SessionData, SessionLayer, Sessions};
use http::{HeaderValue, Request, header};
use tower::Service;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{:24} {:>10} {:>14} {:>16} {:>8}", "data", "bytes", "decoded, ns", "request, ns", "part");
    runtime.block_on(payloads::for_each(&mut ReadBack));
    Ok(())
}

struct ReadBack;

impl payloads::Measure for ReadBack {
    async fn measure<T: SessionData>(&mut self, name: &str, data: fn() -> T) {
        let node = Sessions::start(Config::new().secret_or_random()).await.unwrap();
        let mut app = Router::new()
            .route("/save", get(async move |session: Session<T>| session.replace(data())))
            .layer(SessionLayer::<T>::new(&node));
        let response = app.call(Request::get("/save").body(Body::empty()).unwrap()).await.unwrap();
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = HeaderValue::try_from(cookie.split(';').next().unwrap()).unwrap();
        let encoded = encode(&data());
        let (mut decodings, mut requests) = (Vec::new(), Vec::new());
        for _ in 0..BLOCKS {
            let begun = now();
            for _ in 0..ROUNDS {
                black_box(decode::<T>(black_box(&encoded)));
            }
            decodings.push(begun.elapsed().as_nanos() / u128::from(ROUNDS));
            let begun = now();
            for _ in 0..ROUNDS {
                let mut request = Request::get("/save").body(Body::empty()).unwrap();
                request.headers_mut().insert(header::COOKIE, cookie.clone());
                assert!(app.call(request).await.unwrap().status().is_success());
            }
            requests.push(begun.elapsed().as_nanos() / u128::from(ROUNDS));
        }
        let [decoded, request] = [decodings, requests].map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        let percent = decoded * 100 / request;
        println!("{name:24} {:>10} {decoded:>14} {request:>16} {percent:>7}%", encoded.len());
    }
}

/// As in the layer.
fn encode<T: SessionData>(data: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    data.serialize(&mut serializer).unwrap();
    bytes
}

/// As in the layer.
fn decode<T: SessionData>(bytes: &[u8]) -> T {
    T::deserialize(&mut rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

const BLOCKS: usize = 51;
const ROUNDS: u32 = 200;
