use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeyAge, KeyId, KeyRing};

/// Length of a tag of HMAC-SHA-256, which is never truncated.
pub(crate) const TAG_LEN: usize = 32;

/// The MAC keys for one purpose. Each is kept as an HMAC that has already absorbed the key and everything that
/// is the same in every message, so that a message costs only its own bytes.
#[derive(Clone)]
pub(crate) struct MacKeys(Vec<MacKey>);

#[derive(Clone)]
struct MacKey {
    id: KeyId,
    primed: Hmac<Sha256>,
}

impl MacKeys {
    /// `prefix` gives the bytes that begin every message under the key of the given id.
    pub(crate) fn derive(ring: &KeyRing, purpose: &str, prefix: impl Fn(KeyId) -> Vec<u8>) -> Self {
        let prime = |(id, key): (KeyId, Zeroizing<[u8; 32]>)| {
            // HMAC fills up a key that is shorter than a block with zeros.
            let mut block = Zeroizing::new([0; 64]);
            block[..32].copy_from_slice(&*key);
            MacKey { id, primed: Hmac::new(&(*block).into()).chain_update(prefix(id)) }
        };
        Self(ring.derive(purpose).map(prime).collect())
    }

    /// The id of the key that signs.
    pub(crate) fn current_id(&self) -> KeyId {
        self.current().id
    }

    /// The tag of a message, given in parts, under the key that signs.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; TAG_LEN] {
        self.current().absorb(parts).finalize().into_bytes().into()
    }

    /// The age of the key under which `tag` belongs to the message, or why it does not. The comparison takes the
    /// same time wherever the first difference lies.
    ///
    /// Two secrets may have the same id, or the part of it that a format has room for, so every key that `may_be` the one is tried.
    pub(crate) fn verify(
        &self,
        may_be: impl Fn(KeyId) -> bool,
        parts: &[&[u8]],
        tag: &[u8; TAG_LEN],
    ) -> Result<KeyAge, BadTag> {
        let mut outcome = Err(BadTag::UnknownKey);
        for (position, key) in self.0.iter().enumerate().filter(|(_, key)| may_be(key.id)) {
            if key.absorb(parts).verify_slice(tag).is_ok() {
                return Ok(if position == 0 { KeyAge::Current } else { KeyAge::Other });
            }
            outcome = Err(BadTag::Forged);
        }
        outcome
    }

    fn current(&self) -> &MacKey {
        // `KeyRing::new` refuses to be empty.
        &self.0[0]
    }
}

impl MacKey {
    fn absorb(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        parts.iter().fold(self.primed.clone(), Mac::chain_update)
    }
}

/// Why a tag was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadTag {
    /// The ring has the key, and this is not its tag.
    Forged,
    /// The ring has no key of that id.
    UnknownKey,
}
