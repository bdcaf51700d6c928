use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{Namespace, length_of};
use crate::keys::Secret;

/// Two bytes that all sessions of a subject share: the first two of their ids, and the last two of their keys. In a Redis
/// Cluster they put these sessions in the same slot.
///
/// A label does not identify a subject, because different subjects can have the same label.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Label([u8; Self::LEN]);

impl Label {
    /// Length in bytes.
    pub const LEN: usize = 2;

    /// The label made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the label.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// Four hexadecimal digits.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0;
        write!(f, "{first:02x}{second:02x}")
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label({self})")
    }
}

/// Derives the labels of subjects: SHA-256 over a tag, the namespace and the subject, cut to two bytes; or HMAC-SHA-256 with a
/// pepper.
///
/// A label is not secret, and never changes, so that the sessions of a subject are found after a rotation of secrets. Without
/// a pepper, a reader of the store can test whether a guessed subject may have sessions there.
#[derive(Clone)]
pub struct Labels(Derivation);

#[derive(Clone)]
enum Derivation {
    Plain(Sha256),
    Peppered(Hmac<Sha256>),
}

impl Labels {
    /// The labels of a namespace. The pepper must never change: sessions under the old labels would not be found any more.
    #[must_use]
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(namespace: &Namespace, pepper: Option<&Secret>) -> Self {
        let (length, name) = (length_of(namespace.as_str()), namespace.as_str());
        Self(match pepper {
            None => Derivation::Plain(Sha256::new_with_prefix(TAG).chain_update(length).chain_update(name)),
            Some(pepper) => {
                let hmac = Hmac::new_from_slice(pepper.as_bytes()).expect("a key of any length");
                Derivation::Peppered(hmac.chain_update(TAG).chain_update(length).chain_update(name))
            }
        })
    }

    /// The label of a subject.
    #[must_use]
    pub fn of(&self, subject: &str) -> Label {
        let hash: [u8; 32] = match &self.0 {
            Derivation::Plain(hash) => hash.clone().chain_update(subject).finalize().into(),
            Derivation::Peppered(hmac) => hmac.clone().chain_update(subject).finalize().into_bytes().into(),
        };
        Label([hash[0], hash[1]])
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labels").finish_non_exhaustive()
    }
}

const TAG: &str = "sess/v1/label\0";

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(namespace: &str, pepper: Option<&str>) -> Labels {
        let pepper = pepper.map(Secret::unchecked);
        Labels::new(&Namespace::new(namespace).unwrap(), pepper.as_ref())
    }

    /// Every later version has to find today's records.
    #[test]
    fn the_label_of_a_subject_never_changes() {
        assert_eq!(labels("shop", None).of("user-7").to_string(), "d845");
        assert_eq!(labels("shop", Some("pepper")).of("user-7").to_string(), "e56a");
    }

    #[test]
    fn the_label_depends_on_namespace_pepper_and_subject() {
        let label = labels("shop", None).of("ada");
        assert_eq!(label, labels("shop", None).of("ada"));
        for other in [
            labels("blog", None).of("ada"),
            labels("shop", Some("pepper")).of("ada"),
            labels("shop", None).of("bob"),
        ] {
            assert_ne!(label, other);
        }
    }
}
