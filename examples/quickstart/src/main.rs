//! Counts a visitor's visits: `cargo run -p quickstart`, then open <http://localhost:3000> twice.

use axum::{Router, routing::get};
use handstamp::{Config, Session, SessionData, SessionLayer, SessionRoutes, Sessions};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Deserialize, Serialize)]
struct UserSession {
    visits: u64,
}

impl SessionData for UserSession {}

async fn home(session: Session<UserSession>) -> String {
    session.update(|user| user.visits += 1);
    format!("visit number {}\n", session.get().visits)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    // Separates the sessions of this program from those of others on the same Redis.
    let config = Config::from_env().namespace_or("quickstart");
    // Plain http is for development: without this line the cookie is for https only.
    let config = config.session_insecure_plain_http(true);
    let sessions = Sessions::start(config).await?;
    let app = Router::new()
        .route("/", get(home))
        .merge(SessionRoutes::<UserSession>::new(&sessions))
        .layer(SessionLayer::<UserSession>::new(&sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
