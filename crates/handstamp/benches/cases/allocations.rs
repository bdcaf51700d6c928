//! Counts allocations. A module of its own, because counting takes time.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service;

use crate::cases::{Case, Routers};

/// The allocations of one request to the bare router, and those that the layer adds around it and inside of it.
pub(crate) async fn allocations(case: &Case, routers: &mut Routers) -> (u64, u64, u64) {
    let bare = allocations_of(case, &mut routers.bare).await;
    let around = allocations_of(case, &mut routers.around).await - bare;
    let inside = allocations_of(case, &mut routers.inside).await - bare;
    (bare, around, inside)
}

/// The allocations of one request, once everything is warm.
async fn allocations_of<S>(case: &Case, app: &mut S) -> u64
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
