//! Tools for the tests of applications: feature `testing`, for `[dev-dependencies]`.
//!
//! | Tool | For |
//! |---|---|
//! | [`TestRequest`] | unit tests of handlers: a [`Session`](crate::Session) without a router, and what the handler has done to it |
//! | [`sessions`], [`sessions_with_clock`] | tests of a router: a node in memory |
//! | [`Sessions::cookie_for`], [`SessionLayer::cookie_for`] | requests of a visitor whose session has given data |
//! | [`ManualClock`] | tests of timeouts |
//!
//! # A handler
//!
//! ```
//! use handstamp::testing::TestRequest;
//! use handstamp::{Session, SessionData};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Default, Deserialize, Serialize)]
//! struct Cart {
//!     items: Vec<String>,
//! }
//!
//! impl SessionData for Cart {}
//!
//! async fn add(session: Session<Cart>, item: String) {
//!     session.update(move |cart| cart.items.push(item));
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let request = TestRequest::with_session(Cart { items: vec!["pen".to_owned()] }).await;
//! add(request.session(), "ink".to_owned()).await;
//! let outcome = request.finish().await;
//! assert!(outcome.result.is_ok() && !outcome.renewed && !outcome.ended);
//! assert_eq!(outcome.data.unwrap().items, ["pen", "ink"]);
//! # }
//! ```
//!
//! # A router
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use handstamp::{Session, SessionData, SessionLayer, testing};
//! use http::{Request, header::COOKIE};
//! use serde::{Deserialize, Serialize};
//! use tower::ServiceExt;
//!
//! #[derive(Clone, Default, Deserialize, Serialize)]
//! struct User {
//!     name: String,
//! }
//!
//! impl SessionData for User {}
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let sessions = testing::sessions().await;
//! let app = Router::new()
//!     .route("/", get(async |session: Session<User>| session.get().name.clone()))
//!     .layer(SessionLayer::<User>::new(&sessions));
//! let cookie = sessions.cookie_for(User { name: "ada".to_owned() }).await.unwrap();
//! let request = Request::get("/").header(COOKIE, cookie).body(Body::empty()).unwrap();
//! let response = app.oneshot(request).await.unwrap();
//! assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), "ada");
//! # }
//! ```

mod cookie;
mod request;

use std::sync::Arc;

pub use handstamp_store::ManualClock;
use handstamp_store::{MemoryBus, MemoryStore};

pub use self::request::{TestOutcome, TestRequest};
#[cfg(doc)]
use crate::SessionLayer;
use crate::{Config, Sessions};

/// A node whose sessions are kept in memory, with the default settings and a random secret.
///
/// For other settings, or several nodes on one store, call [`Sessions::start_with`] with a [`MemoryStore`] and its [`MemoryBus`].
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn sessions() -> Sessions {
    started(Sessions::start(Config::new()).await)
}

/// [`sessions`], by a clock that the test moves: sessions expire when it is advanced.
///
/// Timers and budgets still go by tokio's clock, which `tokio::time::pause` stops.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn sessions_with_clock(clock: &ManualClock) -> Sessions {
    let bus = MemoryBus::new();
    let store = MemoryStore::with_clock(bus.clone(), Arc::new(clock.clone()));
    started(Sessions::start_with_clock(Config::new(), store, bus, Arc::new(clock.clone())).await)
}

#[expect(clippy::expect_used, reason = "a test cannot go on")]
fn started(sessions: Result<Sessions, crate::ConfigError>) -> Sessions {
    sessions.expect("the defaults are valid settings")
}
