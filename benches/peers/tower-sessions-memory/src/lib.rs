//! The measured routes with tower-sessions, whose store is in memory.

mod handlers;

use tower_sessions::service::SignedCookie;
use tower_sessions::{Expiry, MemoryStore, SessionManagerLayer};

pub use self::handlers::routes;

/// The layer.
#[must_use]
pub fn layer() -> SessionManagerLayer<MemoryStore, SignedCookie> {
    SessionManagerLayer::new(MemoryStore::default())
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(1)))
        .with_signed(handlers::key())
}
