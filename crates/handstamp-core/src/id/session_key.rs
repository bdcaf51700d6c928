use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::Label;

/// Where a session's record lies: 30 bytes of a SHA-256 hash of its id, and the label of the id, made by
/// [`Namespace::session_key`](super::Namespace::session_key).
///
/// It goes to the store and over the bus. It is no credential: nobody gets from the hash back to the id.
/// `Display` is 43 characters of base64url.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct SessionKey([u8; Self::LEN]);

impl SessionKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// The key made of these bytes, as they stand in a record or a message.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash and of the label.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// What the sessions of a subject have in common.
    #[must_use]
    pub const fn label(&self) -> Label {
        let [.., first, second] = self.0;
        Label::from_bytes([first, second])
    }

    /// Eight bytes of the hash, for picking a shard or a bucket. The label is none of them: the sessions of a subject would all
    /// be in one bucket.
    #[must_use]
    pub const fn hash64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The key is a hash already: a map need not hash all of it again.
impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash64());
    }
}

/// The text is no session key: 43 characters of base64url were expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a session key: 43 characters of base64url were expected")]
pub struct ParseSessionKeyError;

impl FromStr for SessionKey {
    type Err = ParseSessionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::LEN];
        match BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(Self::LEN) => Ok(Self(bytes)),
            _ => Err(ParseSessionKeyError),
        }
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_43_characters() {
        let key = SessionKey::from_bytes([0xff; 32]);
        assert_eq!(key.to_string().len(), 43);
        assert!(key.to_string().starts_with("____"));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("____".parse::<SessionKey>(), Err(ParseSessionKeyError));
    }
}
