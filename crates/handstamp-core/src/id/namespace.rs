use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Label, SessionId, SessionKey};

/// The application and environment that sessions belong to, such as `shop:production`.
///
/// It is the prefix of every key in the store and part of every signature and hash, so two namespaces that share a Redis,
/// and even a secret, never see each other's sessions. The default is `handstamp`.
#[derive(Clone)]
pub struct Namespace {
    name: Arc<str>,
    /// SHA-256 of everything before the id.
    key_prefix: Sha256,
}

impl Namespace {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 64;

    /// The namespace of this name.
    ///
    /// # Errors
    ///
    /// Unless the name is 1 to 64 of the characters `A-Z a-z 0-9 . : _ -`. Others have a meaning in Redis key
    /// patterns and hash tags.
    pub fn new(name: &str) -> Result<Self, InvalidNamespace> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte);
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.bytes().all(allowed) {
            return Err(InvalidNamespace);
        }
        Ok(Self::of(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The key of the record of session `id`: SHA-256 over a tag, the namespace and the id, cut to 30 bytes, followed by the
    /// label of the id.
    ///
    /// The hash needs no secret, because an id has 240 random bits and cannot be guessed. So secrets can be rotated without
    /// moving records.
    #[must_use]
    pub fn session_key(&self, id: &SessionId) -> SessionKey {
        let hash = self.key_prefix.clone().chain_update(id.as_bytes()).finalize();
        let mut key: [u8; SessionKey::LEN] = hash.into();
        key[SessionKey::LEN - Label::LEN..].copy_from_slice(id.label().as_bytes());
        SessionKey::from_bytes(key)
    }

    fn of(name: &str) -> Self {
        // With a name of up to nine characters, tag, name and id just fit into one block of SHA-256.
        let key_prefix =
            Sha256::new_with_prefix("sess/v1/key\0").chain_update(length_of(name)).chain_update(name);
        Self { name: name.into(), key_prefix }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::of("handstamp")
    }
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl Eq for Namespace {}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({:?})", self.name)
    }
}

/// The text is not a valid namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a namespace is 1 to 64 of the characters A-Z a-z 0-9 . : _ -")]
#[non_exhaustive]
pub struct InvalidNamespace;

/// The length prefix of a text in a hashed or signed tuple, so that different tuples have different encodings.
pub(crate) fn length_of(text: &str) -> [u8; 2] {
    u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_validated() {
        assert_eq!(Namespace::new("shop:production").unwrap().as_str(), "shop:production");
        for name in ["", "a b", "{tag}", "shop*", "läden", &"x".repeat(65)] {
            assert_eq!(Namespace::new(name).unwrap_err(), InvalidNamespace, "{name:?}");
        }
    }

    #[test]
    fn the_key_of_an_id_depends_on_the_namespace() {
        let id = SessionId::from_bytes([1; 32]);
        let (shop, blog) = (Namespace::new("shop").unwrap(), Namespace::new("blog").unwrap());
        assert_eq!(shop.session_key(&id), shop.clone().session_key(&id));
        assert_ne!(shop.session_key(&id), blog.session_key(&id));
    }

    /// Every later version has to find today's records.
    #[test]
    fn the_key_of_an_id_never_changes() {
        let key = Namespace::default().session_key(&SessionId::from_bytes([0x5a; 32]));
        assert_eq!(key.to_string(), "tfZgDS6UWdUauBKy4LB-h_ZrSmVmeWMAQTwHxR3OWlo");
    }
}
