//! Clustered sessions for [Axum](https://docs.rs/axum) and [Tower](https://docs.rs/tower).
//!
//! > A hand stamp lets you back in at any gate. When it is wiped off, no gate lets you in.
//!
//! A [`SessionLayer`] signs the session cookie, handlers extract a typed [`Session<T>`](Session), and their changes are saved in Redis or
//! Valkey before the response is sent. Reads come from a local cache in the process, and a logout on one node reaches all nodes.
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
//! # Where to begin
//!
//! | To | See |
//! |---|---|
//! | start a node, end sessions, report health | [`Sessions`] |
//! | choose settings, in code or in the environment | [`Config`] |
//! | put sessions around a router or a service | [`SessionLayer`] |
//! | read and change the session of a request | [`Session`], [`Fresh`], [`Peek`], [`LogIn`] |
//! | define the data of a session | [`SessionData`] |
//! | add routes for health checks and logout | `SessionRoutes` |
//! | handle errors | [`SessionError`], [`ErrorResponse`], [`OutagePolicy`] |
//! | implement another store, bus or clock | [`store`] |
//! | test an application | `testing` |
//!
//! # Terms
//!
//! A *node* is a process that serves requests. A *session id* is the credential, which is only in the cookie and in memory; a *public id* is the
//! name of a session for logs and lists. A *record* is the stored form of a session; its *key* is a hash of the session id. An *invalidation* is a
//! message that makes nodes evict a session from their caches; a *fence* proves that a node has received all invalidations so far.
//!
//! # Features
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `axum` | yes | the session as an extractor, its errors as responses, and `SessionRoutes`. Without it, services call [`Session::from_extensions`] |
//! | `redis` | yes | sessions on Redis or Valkey. Without it, there are sessions in memory, and implementations of [`store`] |
//! | `testing` | no | `testing`, for the tests of applications, and the conformance suite of stores |
//!
//! The minimum supported Rust version is 1.90.

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
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use handstamp_core::cache::CacheStats;
pub use handstamp_core::id::{PublicId, SessionKey};
pub use handstamp_core::invalidation::NodeId;
pub use handstamp_core::record::Encoding;
#[cfg(feature = "redis")]
pub use handstamp_redis::{
    CircuitBreakers, CircuitEvent, CircuitState, ConnectionRole, Driver, InvalidationTransport, ReadFrom,
};
pub use handstamp_store::{BusStats, EndOutcome};

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
