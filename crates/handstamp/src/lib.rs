//! Clustered sessions for [Axum](axum) and [Tower](tower_layer).
//!
//! > A hand stamp lets you back in at any gate. When it is wiped off, no gate lets you in.
//!
//! A [`SessionLayer`] signs the session cookie; handlers extract a typed [`Session<T>`](Session); what they change
//! is saved in Redis or Valkey before the answer leaves. Reads come from a cache in the process, and a logout on
//! one node is a logout on all of them.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use handstamp::{Config, SessionRoutes, Sessions, Session, SessionData, SessionLayer};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Default, Deserialize, Serialize)]
//! struct Visitor {
//!     visits: u64,
//! }
//!
//! impl SessionData for Visitor {}
//!
//! async fn count(session: Session<Visitor>) -> String {
//!     let visits = session.update(|visitor| {
//!         visitor.visits += 1;
//!         visitor.visits
//!     });
//!     format!("visit number {visits}\n")
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let sessions = Sessions::start(Config::from_env()).await?;
//!     let app = Router::new()
//!         .route("/", get(count))
//!         .merge(SessionRoutes::<Visitor>::new(&sessions))
//!         .layer(SessionLayer::<Visitor>::new(&sessions));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//! ```
//!
//! # Words
//!
//! A *node* is a process that serves requests. A *session id* is the credential, in the cookie and in memory only;
//! a session's *handle* is its public name. A *record* is what the store keeps of it. An *invalidation* tells
//! nodes to forget what they have cached; a *fence* is a node's proof that it has heard of all of them.
//!
//! # Features
//!
//! `redis`, on by default: sessions on Redis or Valkey. Without it there is the store in memory, and whatever you
//! implement [`Store`](store::Store) and [`Bus`](store::Bus) for.

#[cfg(feature = "axum")]
mod axum_impls;
mod config;
mod data;
mod error;
mod layer;
mod origin;
mod outage;
mod report;
#[cfg(feature = "axum")]
mod routes;
mod session;
mod sessions;

pub use handstamp_core::cache::CacheStats;
pub use handstamp_core::id::{PublicId, SessionKey};
pub use handstamp_core::invalidation::NodeId;
pub use handstamp_core::record::Encoding;
#[cfg(feature = "redis")]
pub use handstamp_redis::{
    CircuitBreakers, CircuitEvent, CircuitState, ConnectionRole, InvalidationTransport, ReadFrom,
};
/// The contracts of stores and buses, for those who bring their own.
pub use handstamp_store as store;
pub use handstamp_store::BusStats;

pub use self::config::{Config, ConfigError};
pub use self::data::{SessionData, StoredPayload};
pub use self::error::SessionError;
pub use self::layer::{
    CacheControl, DefaultErrorResponse, ErrorResponse, InvalidCookieName, ResponseFuture, SameSite,
    SessionLayer, SessionService,
};
pub use self::origin::{InvalidOrigin, Origin};
pub use self::outage::OutagePolicy;
#[cfg(feature = "axum")]
pub use self::routes::{InvalidLocalPath, LocalPath, SessionRoutes};
pub use self::session::{DiscardSession, Fresh, LogIn, Peek, Session, SessionRejection};
pub use self::sessions::Sessions;
