use std::fmt;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Secret;
use crate::id::{Namespace, length_of};

/// The secrets of a namespace: the first one signs, all of them verify.
///
/// A rotation keeps all sessions if every node has the new secret before any node signs with it: deploy `old,new`, then
/// `new,old`, and once everything signed with `old` has expired, `new`.
#[derive(Clone)]
pub struct KeyRing {
    namespace: Namespace,
    roots: Vec<Root>,
}

impl KeyRing {
    /// The ring of these secrets, the signing one first.
    ///
    /// # Errors
    ///
    /// When `secrets` is empty.
    pub fn new(namespace: Namespace, secrets: &[Secret]) -> Result<Self, KeyRingError> {
        if secrets.is_empty() {
            return Err(KeyRingError);
        }
        let salt = Sha256::new_with_prefix("sess/v1")
            .chain_update(length_of(namespace.as_str()))
            .chain_update(namespace.as_str())
            .finalize();
        let roots = secrets.iter().map(|secret| Root::new(&salt, secret)).collect();
        Ok(Self { namespace, roots })
    }

    /// The namespace, which every derived key depends on.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    #[cfg(test)]
    pub(crate) fn current_id(&self) -> KeyId {
        self.roots[0].id
    }

    /// The keys for one purpose, in the order of the secrets.
    pub(crate) fn derive(&self, purpose: &str) -> impl Iterator<Item = (KeyId, Zeroizing<[u8; 32]>)> {
        self.roots.iter().map(move |root| (root.id, root.expand(purpose)))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("namespace", &self.namespace)
            .field("key_ids", &self.roots.iter().map(|root| root.id).collect::<Vec<_>>())
            .finish()
    }
}

/// Whether a signature was made with the current key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyAge {
    /// The current key, which signs.
    Current,
    /// A key that only verifies: an old one, or one that is not current yet.
    Other,
}

/// Identifies a secret of a ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// Length in bytes.
    pub(crate) const LEN: usize = 4;

    pub(crate) const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0
    }

    /// The first byte, for formats that have no room for more.
    pub(crate) const fn short(self) -> u8 {
        self.0[0]
    }
}

/// A key ring needs at least one secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key ring needs at least one secret")]
#[non_exhaustive]
pub struct KeyRingError;

/// The id of a secret, and the pseudo-random key that its other keys are expanded from.
#[derive(Clone)]
struct Root {
    id: KeyId,
    prk: Hkdf<Sha256>,
}

impl Root {
    fn new(salt: &[u8], secret: &Secret) -> Self {
        let prk = Hkdf::new(Some(salt), secret.as_bytes());
        let id = KeyId(expand(&prk, "sess/v1/key-id"));
        Self { id, prk }
    }

    fn expand(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(expand(&self.prk, purpose))
    }
}

#[expect(clippy::expect_used, reason = "HKDF-SHA-256 fails only for outputs of more than 8160 bytes")]
fn expand<const N: usize>(prk: &Hkdf<Sha256>, purpose: &str) -> [u8; N] {
    let mut key = [0; N];
    prk.expand(purpose.as_bytes(), &mut key).expect("the output is short");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSES: [&str; 2] = ["sess/v1/cookie-mac", "sess/v1/bus-mac"];

    fn ring(namespace: &str, secrets: &[&str]) -> KeyRing {
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::unchecked(text)).collect();
        KeyRing::new(Namespace::new(namespace).unwrap(), &secrets).unwrap()
    }

    const OLD: &str = "old";
    const NEW: &str = "new";

    #[test]
    fn every_purpose_namespace_and_secret_has_its_own_key() {
        let mut keys = std::collections::HashSet::new();
        for namespace in ["shop", "blog"] {
            for purpose in PURPOSES {
                for (_, key) in ring(namespace, &[NEW, OLD]).derive(purpose) {
                    assert!(keys.insert(*key), "two of the derived keys are equal");
                }
            }
        }
    }

    #[test]
    fn a_secret_keeps_its_key_id_at_any_position() {
        let ids = |secrets: &[&str]| ring("shop", secrets).derive("x").map(|(id, _)| id).collect::<Vec<_>>();
        let mut swapped = ids(&[NEW, OLD]);
        swapped.reverse();
        assert_eq!(ids(&[OLD, NEW]), swapped);
    }

    #[test]
    fn an_empty_ring_is_rejected_and_debug_shows_no_key() {
        assert_eq!(KeyRing::new(Namespace::default(), &[]).unwrap_err(), KeyRingError);
        let shown = format!("{:?}", ring("shop", &[NEW]));
        assert!(shown.starts_with("KeyRing { namespace: Namespace(\"shop\"), key_ids: ["), "{shown}");
    }
}
