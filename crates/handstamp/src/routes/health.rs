use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::Runtime;

pub(super) fn routes<S: Clone + Send + Sync + 'static>(runtime: Runtime, path: &str) -> Router<S> {
    let ready = runtime.clone();
    Router::new()
        .route(path, get(async move || health(&runtime)))
        .route(&format!("{path}/live"), get(async || answer(true, &Probe { status: "ok" })))
        .route(&format!("{path}/ready"), get(async move || readiness(&ready)))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    redis: bool,
    coordinator_running: bool,
    cache_size: usize,
}

#[derive(Serialize)]
struct Probe {
    status: &'static str,
}

fn health(runtime: &Runtime) -> Response {
    let (redis, coordinator_running) = (runtime.healthy(), runtime.running());
    let status = match (redis, coordinator_running) {
        (true, true) if !runtime.knows_time() => "degraded",
        // Sessions go by the store's clock; but all else on this machine does not.
        (true, true) if runtime.clock_is_off() || runtime.lacks_a_secret() => "degraded",
        (true, true) => "ok",
        (true, false) => "degraded",
        (false, _) if runtime.healthy_in_part() => "degraded",
        (false, _) => "unhealthy",
    };
    let health = Health { status, redis, coordinator_running, cache_size: runtime.size() };
    answer(redis && coordinator_running, &health)
}

fn readiness(runtime: &Runtime) -> Response {
    let ready = runtime.ready();
    answer(ready, &Probe { status: if ready { "ok" } else { "unavailable" } })
}

fn answer(good: bool, body: &impl Serialize) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
