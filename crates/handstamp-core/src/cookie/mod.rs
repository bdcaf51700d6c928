//! The value of the session cookie: 88 characters that contain the session id and its signature.
//!
//! ```text
//! raw   = version 1 | key id 1 | session id 32 | tag 32       66 bytes
//! value = base64url(raw), without padding                     88 characters, no spare bits
//! tag   = HMAC-SHA-256(cookie key, pad("sess/v1/cookie\0" || version || key id
//!                      || len16(cookie name) || cookie name || len16(namespace) || namespace) || session id)
//! ```
//!
//! where `pad` appends zeros up to a multiple of 64 bytes.
//!
//! The tag binds the value to the cookie's name and the namespace: neither a cookie of another name nor one of
//! another application is ever accepted, even under the same secret. Every value has exactly one encoding; there is one
//! algorithm, and no fallback.

mod header;
mod signer;

pub use self::header::Presented;
pub use self::signer::{CookieError, CookieSigner, VerifiedCookie};
