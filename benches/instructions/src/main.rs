//! The instructions of one request of each kind, for `cargo xtask instructions`, which runs this program under callgrind.
//!
//! Arguments: the name of the case, the router (`bare`, `around` or `inside`), and the number of requests.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../../../crates/handstamp/benches/cases/mod.rs"]
mod cases;

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service;

use crate::cases::{Case, prepare};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, router, requests] = arguments.as_slice() else { return Ok(()) };
    let requests: u32 = requests.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_node, mut routers, cases) = prepare().await;
        let case = cases.iter().find(|case| case.name == name).unwrap();
        match router.as_str() {
            "bare" => send(case, &mut routers.bare, requests).await,
            "around" => send(case, &mut routers.around, requests).await,
            "inside" => send(case, &mut routers.inside, requests).await,
            other => panic!("no router is called {other}"),
        }
    });
    Ok(())
}

async fn send<S>(case: &Case, app: &mut S, requests: u32)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    for number in 0..requests {
        std::hint::black_box(case.send(app).await);
        if number % 64 == 0 {
            // Lets the node receive its own invalidations, which writes cause.
            tokio::task::yield_now().await;
        }
    }
}
