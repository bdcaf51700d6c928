use std::fmt;
use std::str::FromStr;

use super::{RandomError, random_bytes};
use crate::base64url;

/// The public name of a session: 16 random bytes, shown as 22 characters of base64url.
///
/// It is no credential, so it is safe in logs, lists and URLs. A renewal does not change it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicId([u8; Self::LEN]);

impl PublicId {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// A random public id.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails.
    pub fn generate() -> Result<Self, RandomError> {
        random_bytes().map(Self)
    }

    /// The public id made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The text is not a public id: 22 characters of base64url were expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a public session id: 22 characters of base64url were expected")]
#[non_exhaustive]
pub struct ParsePublicIdError;

impl FromStr for PublicId {
    type Err = ParsePublicIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        base64url::decode(text).map(Self).ok_or(ParsePublicIdError)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base64url::display(&self.0).fmt(f)
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_round_trips() {
        let public_id = PublicId::generate().unwrap();
        let text = public_id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(public_id));
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAAA="]
        {
            assert_eq!(text.parse::<PublicId>(), Err(ParsePublicIdError), "{text:?}");
        }
    }
}
