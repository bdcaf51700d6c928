//! Secrets, the key ring, and the keys derived from it.
//!
//! ```text
//! PRK(secret) = HKDF-Extract(salt = SHA-256("sess/v1" || len16(namespace) || namespace), secret)
//! key id      = HKDF-Expand(PRK, "sess/v1/key-id", 4); cookies and messages contain its first byte
//! cookie key  = HKDF-Expand(PRK, "sess/v1/cookie-mac", 32)
//! bus key     = HKDF-Expand(PRK, "sess/v1/bus-mac", 32)
//! record key  = HKDF-Expand(PRK, "sess/v1/record-mac", 32)
//! ```
//!
//! with HKDF-SHA-256 of [RFC 5869](https://www.rfc-editor.org/rfc/rfc5869). The key id depends on the namespace and the secret
//! only, so a secret keeps its id when it moves in the list.

mod decode;
mod mac;
mod placeholder;
mod published;
mod ring;
mod secret;
mod strength;

pub use self::ring::{KeyAge, KeyRing, KeyRingError};
pub use self::secret::{Secret, SecretError};

pub(crate) use self::mac::{BadTag, MacKeys, TAG_LEN};
pub(crate) use self::ring::KeyId;
