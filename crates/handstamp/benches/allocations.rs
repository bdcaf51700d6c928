//! What the layer adds to a bare Axum router, around it and inside of it, when the session is in the local cache, in allocations per request.
//!
//! `cargo xtask bench` runs it. It is apart from `cached_read` because counting takes time of its own.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cases;

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service;

use crate::cases::{Case, prepare};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (_node, mut routers, cases) = prepare().await;
        println!(
            "{:34} {:>10} {:>14} {:>14}",
            "allocations per request", "bare", "added around", "added inside"
        );
        for case in &cases {
            let bare = allocations(case, &mut routers.bare).await;
            let around = allocations(case, &mut routers.around).await - bare;
            let inside = allocations(case, &mut routers.inside).await - bare;
            println!("{:34} {bare:>10} {around:>14} {inside:>14}", case.name);
        }
    });
    Ok(())
}

/// The allocations of one request, once everything is warm.
async fn allocations<S>(case: &Case, app: &mut S) -> u64
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    drop(case.send(app).await);
    let mut response = Box::pin(case.send(app));
    let mut count = 0;
    std::future::poll_fn(|cx| {
        let mut polled = std::task::Poll::Pending;
        count += allocation_counter::measure(|| polled = response.as_mut().poll(cx)).count_total;
        polled
    })
    .await;
    count
}
