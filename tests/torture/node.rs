//! The program of the nodes: this one, started with [`ROTATION`] in its environment, so that it is never an old build.
//!
//! Its sessions are those of the reference node, except that a visitor need not log in: `POST /notes` writes without a login, as an
//! application does that keeps a shopping cart, a flash message or a CSRF token.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use handstamp::{Config, LogIn, Session, SessionData, SessionLayer, SessionRoutes, Sessions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Runs as a node, until it is killed.
pub(crate) async fn serve() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_ansi(false)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::from_env().session_secret(secrets()?).session_insecure_plain_http(true);
    let sessions = Sessions::start(config).await?;
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let app = Router::new()
        .route("/login", post(login))
        .route("/me", get(me))
        .route("/visits", post(visits))
        .route("/notes", post(notes))
        .merge(SessionRoutes::<Data>::new(&sessions))
        .layer(SessionLayer::<Data>::new(&sessions));
    axum::serve(listener, app).await?;
    Ok(())
}

/// Those in the environment, in today's order.
fn secrets() -> Result<String, Box<dyn std::error::Error>> {
    let secrets = std::env::var("SESSION_SECRET")?;
    let is_rotated = std::env::var_os(ROTATION).is_some_and(|file| Path::new(&file).exists());
    Ok(match secrets.split_once(',') {
        Some((one, other)) if is_rotated => format!("{other},{one}"),
        _ => secrets,
    })
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Data {
    username: Option<String>,
    visits: u64,
    notes: u64,
}

impl SessionData for Data {
    fn subject(&self) -> Option<&str> {
        self.username.as_deref()
    }
}

impl Data {
    /// Whether there is a session. Nothing is stored that is not one or the other.
    const fn exists(&self) -> bool {
        self.username.is_some() || self.notes > 0
    }
}

async fn login(LogIn(session): LogIn<Data>, Json(Login { username }): Json<Login>) -> Json<Value> {
    session.renew_for_login();
    let name = username.clone();
    session.update(move |data| data.username = Some(name.clone()));
    Json(json!({ "username": username }))
}

async fn me(session: Session<Data>) -> Result<Json<Value>, StatusCode> {
    let data = session.get();
    if !data.exists() {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(json!({ "username": data.username, "visits": data.visits })))
}

/// Saves before it answers, and tells the number that was saved.
async fn visits(session: Session<Data>, Query(hold): Query<Hold>) -> Result<Json<Value>, Response> {
    if !session.get().exists() {
        return Err(StatusCode::UNAUTHORIZED.into_response());
    }
    sleep(hold.time()).await;
    let visits = session.update_and_commit(|data| {
        data.visits += 1;
        data.visits
    });
    let visits = visits.await.map_err(IntoResponse::into_response)?;
    Ok(Json(json!({ "visits": visits })))
}

/// Leaves it to the layer to save, and asks for no login.
async fn notes(session: Session<Data>, Query(hold): Query<Hold>) -> Json<Value> {
    sleep(hold.time()).await;
    session.update(|data| data.notes += 1);
    Json(json!({}))
}

#[derive(Deserialize)]
struct Login {
    username: String,
}

#[derive(Deserialize)]
struct Hold {
    hold_ms: u64,
}

impl Hold {
    const fn time(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }
}

/// Makes a process a node, and names a file. If that exists, the second of the two secrets signs, and not the first.
pub(crate) const ROTATION: &str = "TORTURE_ROTATION";
