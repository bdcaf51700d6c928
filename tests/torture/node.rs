//! The program of the nodes: this one, started with [`ROTATION`] in its environment, so that it is never an old build.
//!
//! Its sessions are those of the reference node, except that a visitor need not log in: `POST /notes` writes without a login, like an
//! application with a shopping cart, a flash message or a CSRF token.

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

/// The secrets in the environment, the signing one first.
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
    /// Whether the session exists: every stored session has a name or a note.
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

/// Commits before the response, and returns the saved number.
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

/// The layer commits after the handler. Works without a login.
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

/// If this variable is set, the process is a node. Its value is a path: while that file exists, the second secret signs instead of the
/// first.
pub(crate) const ROTATION: &str = "TORTURE_ROTATION";
