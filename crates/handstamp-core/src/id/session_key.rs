use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::Label;
use crate::base64url;

/// The key of a session's record in the store: 30 bytes of a SHA-256 hash of its id, and the label of the id. See
/// [`Namespace::session_key`](super::Namespace::session_key).
///
/// It appears in the store and in messages. It is no credential, because the id cannot be computed from the hash.
/// `Display` writes 43 characters of base64url.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct SessionKey([u8; Self::LEN]);

impl SessionKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// The key made of these bytes, as found in a record or a message.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes: hash and label.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The label, which all sessions of a subject share.
    #[must_use]
    pub const fn label(&self) -> Label {
        let [.., first, second] = self.0;
        Label::from_bytes([first, second])
    }

    /// Eight bytes of the hash, for picking a shard or a bucket. They are not those of the label, or all sessions of a subject
    /// would be in one bucket.
    #[must_use]
    pub const fn hash64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Writes eight bytes only, because the key is a hash already.
impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash64());
    }
}

/// The text is not a session key: 43 characters of base64url were expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a session key: 43 characters of base64url were expected")]
#[non_exhaustive]
pub struct ParseSessionKeyError;

impl FromStr for SessionKey {
    type Err = ParseSessionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        base64url::decode(text).map(Self).ok_or(ParseSessionKeyError)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base64url::display(&self.0).fmt(f)
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
    fn the_text_form_has_43_characters() {
        let key = SessionKey::from_bytes([0xff; 32]);
        assert_eq!(key.to_string().len(), 43);
        assert!(key.to_string().starts_with("____"));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("____".parse::<SessionKey>(), Err(ParseSessionKeyError));
    }
}
