//! The measured routes. The versions of tower-sessions for both kinds of stores have the same interface, so this file is
//! compiled for each of them.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use bare::{USER_ID, USER_NAME};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use tower_sessions::cookie::Key;

/// The routes, without the layer.
pub fn routes() -> Router {
    Router::new()
        .route("/login", get(login))
        .route("/read", get(read))
        .route("/plain", get(async || "plain"))
        .route("/write", get(write))
}

/// Cookies are signed, as those of handstamp are.
pub(crate) fn key() -> Key {
    // For measurements only.
    Key::from(&[42; 64])
}

#[derive(Deserialize, Serialize)]
struct User {
    id: u64,
    name: String,
}

// The count is an entry of its own, so that a write neither decodes nor encodes the user.
async fn login(session: Session) -> Result<(), StatusCode> {
    session.insert("user", User { id: USER_ID, name: USER_NAME.to_owned() }).await.map_err(unavailable)?;
    session.insert("count", 0_u64).await.map_err(unavailable)
}

async fn read(session: Session) -> Result<String, StatusCode> {
    let user: Option<User> = session.get("user").await.map_err(unavailable)?;
    user.map(|user| user.name).ok_or(StatusCode::UNAUTHORIZED)
}

async fn write(session: Session) -> Result<String, StatusCode> {
    let count: u64 = session.get("count").await.map_err(unavailable)?.unwrap_or_default();
    session.insert("count", count + 1).await.map_err(unavailable)?;
    Ok((count + 1).to_string())
}

fn unavailable(_: tower_sessions::session::Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}
