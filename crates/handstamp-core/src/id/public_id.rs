use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::{RandomError, random_bytes};

/// The public name of a session: 16 random bytes, shown as 22 characters of base64url.
///
/// It is safe in logs, lists and URLs: nothing can be opened with it. It stays the same when the session is
/// renewed.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicId([u8; Self::LEN]);

impl PublicId {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// A new handle.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails.
    pub fn generate() -> Result<Self, RandomError> {
        random_bytes().map(Self)
    }

    /// The handle made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the handle.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// The text is not a handle: 22 characters of base64url were expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a public session id: 22 characters of base64url were expected")]
pub struct ParsePublicIdError;

impl FromStr for PublicId {
    type Err = ParsePublicIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::LEN];
        match BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(Self::LEN) => Ok(Self(bytes)),
            _ => Err(ParsePublicIdError),
        }
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
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
    fn text_form_survives_the_round_trip() {
        let handle = PublicId::generate().unwrap();
        let text = handle.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(handle));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAAA="]
        {
            assert_eq!(text.parse::<PublicId>(), Err(ParsePublicIdError), "{text:?}");
        }
    }
}
