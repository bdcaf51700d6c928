//! The Tower layer: from the cookie of a request to the headers of its response.

mod commit;
mod cookie;
mod error_response;
mod future;
mod keep_alive;
pub(crate) mod respond;
mod service;
mod session_layer;
mod shared;
mod store_access;
mod touches;

pub use self::cookie::{InvalidCookieName, SameSite};
pub use self::error_response::{DefaultErrorResponse, ErrorResponse};
pub use self::future::ResponseFuture;
pub use self::respond::CacheControl;
pub use self::service::SessionService;
pub use self::session_layer::SessionLayer;
pub(crate) use self::shared::Shared;
