//! The measured routes with actix-session on Redis, and the same routes on actix-web without sessions. Both are servers of their
//! own: actix-web is no Tower service.

use std::error::Error;
use std::net::TcpListener;

use actix_session::config::{CookieContentSecurity, PersistentSession};
use actix_session::storage::RedisSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::rt::System;
use actix_web::{App, HttpServer, error, web};
use bare::{USER_ID, USER_NAME};
use serde::{Deserialize, Serialize};

/// Serves the routes without sessions, with one worker.
///
/// # Errors
///
/// When the listener cannot be used.
pub fn serve_bare(listener: TcpListener) -> Result<(), Box<dyn Error + Send + Sync>> {
    let app = || {
        App::new()
            .route("/login", web::get().to(async || ""))
            .route("/read", web::get().to(async || USER_NAME.to_owned()))
            .route("/plain", web::get().to(async || "plain"))
            .route("/write", web::get().to(async || 1_u64.to_string()))
    };
    let server = HttpServer::new(app).workers(1).listen(listener)?;
    Ok(System::new().block_on(server.run())?)
}

/// Serves the routes with sessions, with one worker and signed cookies.
///
/// # Errors
///
/// When the listener cannot be used, or Redis cannot be reached.
pub fn serve(listener: TcpListener, redis_url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let system = System::new();
    let store = system.block_on(RedisSessionStore::new(redis_url))?;
    let app = move || {
        let sessions = SessionMiddleware::builder(store.clone(), Key::from(&SECRET))
            .cookie_secure(false)
            .cookie_content_security(CookieContentSecurity::Signed)
            .session_lifecycle(PersistentSession::default())
            .build();
        App::new()
            .wrap(sessions)
            .route("/login", web::get().to(login))
            .route("/read", web::get().to(read))
            .route("/plain", web::get().to(async || "plain"))
            .route("/write", web::get().to(write))
    };
    let server = HttpServer::new(app).workers(1).listen(listener)?;
    Ok(system.block_on(server.run())?)
}

#[derive(Deserialize, Serialize)]
struct User {
    id: u64,
    name: String,
}

// The count is an entry of its own, so that a write neither decodes nor encodes the user.
async fn login(session: Session) -> actix_web::Result<&'static str> {
    session.insert("user", User { id: USER_ID, name: USER_NAME.to_owned() })?;
    session.insert("count", 0_u64)?;
    Ok("")
}

async fn read(session: Session) -> actix_web::Result<String> {
    let user: Option<User> = session.get("user")?;
    user.map(|user| user.name).ok_or_else(|| error::ErrorUnauthorized(""))
}

async fn write(session: Session) -> actix_web::Result<String> {
    let count = session.get::<u64>("count")?.unwrap_or_default() + 1;
    session.insert("count", count)?;
    Ok(count.to_string())
}

/// For measurements only.
const SECRET: [u8; 64] = [42; 64];
