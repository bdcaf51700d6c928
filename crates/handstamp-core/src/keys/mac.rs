use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeyAge, KeyId, KeyRing};

/// Length of a tag of HMAC-SHA-256, which is never truncated.
pub(crate) const TAG_LEN: usize = 32;

/// The MAC keys for one purpose. Each is stored as an HMAC state after the key and the common prefix of all messages, so that
/// only the bytes of the message itself have to be hashed.
#[derive(Clone)]
pub(crate) struct MacKeys(Vec<MacKey>);

#[derive(Clone)]
struct MacKey {
    id: KeyId,
    primed: Hmac<Sha256>,
}

impl MacKeys {
    /// `prefix` returns the common prefix of all messages under the key of this id.
    pub(crate) fn derive(ring: &KeyRing, purpose: &str, prefix: impl Fn(KeyId) -> Vec<u8>) -> Self {
        let prime = |(id, key): (KeyId, Zeroizing<[u8; 32]>)| {
            // HMAC pads a key that is shorter than a block with zeros.
            let mut block = Zeroizing::new([0; 64]);
            block[..32].copy_from_slice(&*key);
            MacKey { id, primed: Hmac::new(&(*block).into()).chain_update(prefix(id)) }
        };
        Self(ring.derive(purpose).map(prime).collect())
    }

    /// The id of the current key, which signs.
    pub(crate) fn current_id(&self) -> KeyId {
        self.current().id
    }

    /// The tag of a message, given in parts, under the current key.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; TAG_LEN] {
        self.current().absorb(parts).finalize().into_bytes().into()
    }

    /// Verifies `tag` in constant time, and returns the age of its key.
    ///
    /// Two secrets may have the same id, or the same part of it that a format contains, so every key whose id `matches` is tried.
    pub(crate) fn verify(
        &self,
        matches: impl Fn(KeyId) -> bool,
        parts: &[&[u8]],
        tag: &[u8; TAG_LEN],
    ) -> Result<KeyAge, BadTag> {
        let mut outcome = Err(BadTag::UnknownKey);
        for (position, key) in self.0.iter().enumerate().filter(|(_, key)| matches(key.id)) {
            if key.absorb(parts).verify_slice(tag).is_ok() {
                return Ok(if position == 0 { KeyAge::Current } else { KeyAge::Other });
            }
            outcome = Err(BadTag::Forged);
        }
        outcome
    }

    fn current(&self) -> &MacKey {
        // `KeyRing::new` rejects an empty ring.
        &self.0[0]
    }
}

impl MacKey {
    fn absorb(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        parts.iter().fold(self.primed.clone(), Mac::chain_update)
    }
}

/// Why a tag was rejected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadTag {
    /// No key with this id made the tag.
    Forged,
    /// The ring has no key with this id.
    UnknownKey,
}
