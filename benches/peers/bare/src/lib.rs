//! The measured routes without sessions: every other application is compared with this one.
//!
//! `/login` begins a session, `/read` reads it, `/plain` does not touch it, and `/write` adds one to its count. Here, the
//! responses have the same bodies, and come from nowhere.

use axum::Router;
use axum::routing::get;

/// The routes.
pub fn routes() -> Router {
    routes_without_write().route("/write", get(async || 1_u64.to_string()))
}

/// The routes except `/write`.
pub fn routes_without_write() -> Router {
    Router::new()
        .route("/login", get(async || ()))
        .route("/read", get(async || USER_NAME.to_owned()))
        .route("/plain", get(async || "plain"))
}

/// The data of each session: this user, and a count that starts at zero.
pub const USER_ID: u64 = 42;
/// The name of the user, and the body of the response of `/read`.
pub const USER_NAME: &str = "ada";
