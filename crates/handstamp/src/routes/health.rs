use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::Sessions;

pub(super) fn routes<S: Clone + Send + Sync + 'static>(sessions: Sessions, path: &str) -> Router<S> {
    let ready = sessions.clone();
    Router::new()
        .route(path, get(async move || health(&sessions)))
        .route(&format!("{path}/live"), get(async || respond(true, &Probe { status: "ok" })))
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

fn health(sessions: &Sessions) -> Response {
    let (redis, coordinator_running) = (sessions.is_healthy(), sessions.is_subscribed());
    let status = match (redis, coordinator_running) {
        (true, true) if !sessions.is_time_known() => "degraded",
        // Sessions go by the store's clock, but everything else on this machine does not.
        (true, true) if sessions.is_clock_skewed() || sessions.is_missing_secret() => "degraded",
        (true, true) => "ok",
        (true, false) => "degraded",
        (false, _) if sessions.is_partly_healthy() => "degraded",
        (false, _) => "unhealthy",
    };
    let health = Health { status, redis, coordinator_running, cache_size: sessions.cached_sessions() };
    respond(redis && coordinator_running, &health)
}

fn readiness(sessions: &Sessions) -> Response {
    let ready = sessions.is_ready();
    respond(ready, &Probe { status: if ready { "ok" } else { "unavailable" } })
}

fn respond(good: bool, body: &impl Serialize) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
