use std::fmt;

use crate::base64url;
use crate::id::{Namespace, SessionId, length_of};
use crate::keys::{BadTag, KeyAge, KeyId, KeyRing, MacKeys, TAG_LEN};

/// Signs and verifies the values of a cookie.
#[derive(Clone)]
pub struct CookieSigner {
    name: String,
    keys: MacKeys,
}

impl CookieSigner {
    /// Length of every value in characters.
    pub const VALUE_LEN: usize = 88;

    /// The signer for the cookie called `name`.
    #[must_use]
    pub fn new(ring: &KeyRing, name: &str) -> Self {
        let prefix = |key_id: KeyId| signed_prefix(key_id.short(), name, ring.namespace());
        Self { name: name.to_owned(), keys: MacKeys::derive(ring, "sess/v1/cookie-mac", prefix) }
    }

    /// The name of the cookie.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value for `id`, signed with the current key.
    #[must_use]
    pub fn sign(&self, id: &SessionId) -> String {
        let mut raw = [0; RAW_LEN];
        raw[0] = VERSION;
        raw[1] = self.keys.current_id().short();
        raw[ID].copy_from_slice(id.as_bytes());
        raw[TAG].copy_from_slice(&self.keys.sign(&[id.as_bytes()]));
        base64url::encode(&raw)
    }

    /// The session id in `value`, if it was signed with a key of the ring.
    ///
    /// # Errors
    ///
    /// For everything else, with the first reason found.
    pub fn verify(&self, value: &[u8]) -> Result<VerifiedCookie, CookieError> {
        if value.len() != Self::VALUE_LEN {
            return Err(CookieError::Malformed);
        }
        // Decoding is not constant-time, but its time depends on the client's own value only.
        let raw: [u8; RAW_LEN] = base64url::decode(value).ok_or(CookieError::Malformed)?;
        let (header, rest) = raw.split_at(ID.start);
        let (Some(id), Some(tag)) = (rest.first_chunk(), rest.last_chunk()) else {
            return Err(CookieError::Malformed);
        };
        let &[VERSION, key_id] = header else {
            return Err(CookieError::UnknownVersion);
        };
        let key_age = self.keys.verify(|id| id.short() == key_id, &[id], tag).map_err(|bad| match bad {
            BadTag::Forged => CookieError::BadTag,
            BadTag::UnknownKey => CookieError::UnknownKey,
        })?;
        Ok(VerifiedCookie { id: SessionId::from_bytes(*id), key_age })
    }
}

impl fmt::Debug for CookieSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieSigner").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The content of a valid cookie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedCookie {
    /// The session id. It is authentic, but the session may have ended.
    pub id: SessionId,
    /// Whether the cookie should be signed again, with the current key.
    pub key_age: KeyAge,
}

/// Why a cookie value was rejected: a closed set, fit for a metric's label.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum CookieError {
    /// The tag does not match the session id.
    #[error("the tag does not match the session id")]
    BadTag,
    /// It is not 88 characters of base64url.
    #[error("not 88 characters of base64url")]
    Malformed,
    /// The ring has no key with this id.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The version is unknown.
    #[error("of an unknown version")]
    UnknownVersion,
}

const VERSION: u8 = 1;
const ID: std::ops::Range<usize> = 2..2 + SessionId::LEN;
const TAG: std::ops::Range<usize> = ID.end..ID.end + TAG_LEN;
const RAW_LEN: usize = TAG.end;

/// Everything that is signed before the session id, padded with zeros to whole blocks of SHA-256, so that it is hashed only
/// once for all requests.
fn signed_prefix(key_id: u8, name: &str, namespace: &Namespace) -> Vec<u8> {
    let mut prefix = b"sess/v1/cookie\0".to_vec();
    prefix.extend([VERSION, key_id]);
    for text in [name, namespace.as_str()] {
        prefix.extend(length_of(text));
        prefix.extend(text.as_bytes());
    }
    prefix.resize(prefix.len().next_multiple_of(64), 0);
    prefix
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Secret;

    const OLD: &str = "old-old-secret-of-more-than-32-characters";
    const NEW: &str = "new-new-secret-of-more-than-32-characters";

    fn signer(namespace: &str, secrets: &[&str], name: &str) -> CookieSigner {
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::unchecked(text)).collect();
        CookieSigner::new(&KeyRing::new(Namespace::new(namespace).unwrap(), &secrets).unwrap(), name)
    }

    fn id() -> SessionId {
        SessionId::from_bytes([0x5a; 32])
    }

    /// Browsers keep today's cookies when the next version is deployed.
    #[test]
    fn the_value_of_an_id_never_changes() {
        let value = signer("handstamp", &[NEW], "__Host-id").sign(&id());
        assert_eq!(
            value,
            "AcBaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWjjHBXiK7YFPu0o101Pirvqp46LIDsXzCptuxV-v5r9X"
        );
    }

    #[test]
    fn a_signed_value_verifies_and_has_88_characters() {
        let signer = signer("shop", &[NEW], "__Host-id");
        let value = signer.sign(&id());
        assert_eq!(value.len(), CookieSigner::VALUE_LEN);
        assert_eq!(
            signer.verify(value.as_bytes()),
            Ok(VerifiedCookie { id: id(), key_age: KeyAge::Current })
        );
    }

    #[test]
    fn every_bit_is_authenticated() {
        let signer = signer("shop", &[NEW], "__Host-id");
        let raw: [u8; RAW_LEN] = base64url::decode(signer.sign(&id())).unwrap();
        for bit in 0..RAW_LEN * 8 {
            let mut forged = raw;
            forged[bit / 8] ^= 1 << (bit % 8);
            let value = base64url::encode(&forged);
            assert!(signer.verify(value.as_bytes()).is_err(), "bit {bit} is not authenticated");
        }
    }

    #[test]
    fn a_rotated_key_still_verifies_and_is_reported() {
        let before = signer("shop", &[OLD], "__Host-id");
        let after = signer("shop", &[NEW, OLD], "__Host-id");
        let later = signer("shop", &[NEW], "__Host-id");
        let value = before.sign(&id());
        assert_eq!(after.verify(value.as_bytes()).unwrap().key_age, KeyAge::Other);
        assert_eq!(after.verify(after.sign(&id()).as_bytes()).unwrap().key_age, KeyAge::Current);
        assert_eq!(later.verify(value.as_bytes()), Err(CookieError::UnknownKey));
        assert!(later.verify(after.sign(&id()).as_bytes()).is_ok());
    }

    #[test]
    fn a_value_is_bound_to_its_cookie_name_and_namespace() {
        let value = signer("shop", &[NEW], "__Host-id").sign(&id());
        assert!(signer("shop", &[NEW], "__Host-admin").verify(value.as_bytes()).is_err());
        assert!(signer("blog", &[NEW], "__Host-id").verify(value.as_bytes()).is_err());
        assert!(signer("shop", &[OLD], "__Host-id").verify(value.as_bytes()).is_err());
    }

    #[test]
    fn invalid_values_are_rejected_with_a_reason() {
        let signer = signer("shop", &[NEW], "__Host-id");
        let good = signer.sign(&id());
        let raw: [u8; RAW_LEN] = base64url::decode(&good).unwrap();
        let with = |position: usize, byte: u8| {
            let mut raw = raw;
            raw[position] = byte;
            signer.verify(base64url::encode(&raw).as_bytes())
        };
        assert_eq!(with(0, 0), Err(CookieError::UnknownVersion));
        assert_eq!(with(0, 2), Err(CookieError::UnknownVersion));
        assert_eq!(with(1, raw[1].wrapping_add(1)), Err(CookieError::UnknownKey));
        assert_eq!(with(65, raw[65] ^ 1), Err(CookieError::BadTag));
        let padded = format!("{}==", &good[..86]);
        let standard = format!("+/{}", &good[2..]);
        for value in ["", "../../x", "*", "%00", "\r\n", &good[..87], &format!("{good}A"), &padded, &standard]
        {
            assert_eq!(signer.verify(value.as_bytes()), Err(CookieError::Malformed), "{value:?}");
        }
    }

    proptest! {
        /// Different tuples never sign the same bytes, because each text has a length prefix.
        #[test]
        fn the_signed_prefix_is_injective(
            a in ("[a-z_]{1,6}", "[a-z.]{1,6}"),
            b in ("[a-z_]{1,6}", "[a-z.]{1,6}"),
        ) {
            let prefix = |(name, namespace): &(String, String)| {
                signed_prefix(1, name, &Namespace::new(namespace).unwrap())
            };
            prop_assert_eq!(a == b, prefix(&a) == prefix(&b));
        }

        #[test]
        fn verifying_never_panics(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(signer("shop", &[NEW], "__Host-id").verify(&value).is_err());
        }
    }
}
