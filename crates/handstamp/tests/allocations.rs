//! The allocations that the layer adds to requests: a change that adds one has to change this table, too.

#[path = "../benches/cases/mod.rs"]
mod cases;

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service;

use crate::cases::{Case, prepare};

/// By case, around a finished router and inside of it.
const ADDED: [(&str, u64, u64); 6] = [
    ("cached read", 2, 4),
    ("cookie, session not extracted", 2, 4),
    ("forged cookie, session extracted", 1, 3),
    ("no cookie, session extracted", 1, 3),
    ("no cookie, session not extracted", 2, 4),
    ("write", 23, 25),
];

#[tokio::test]
async fn the_layer_adds_these_allocations() {
    let (_node, mut routers, cases) = prepare().await;
    for (case, added) in cases.iter().zip(ADDED) {
        let bare = allocations(case, &mut routers.bare).await;
        let around = allocations(case, &mut routers.around).await - bare;
        let inside = allocations(case, &mut routers.inside).await - bare;
        assert_eq!((case.name, around, inside), added);
    }
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
