//! Under which name a record lies.

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};

/// The name of the Redis key that holds the record of a session: `<namespace>:s:{<label>}:<session key>`. For tools; nodes need not
/// be told.
///
/// The label is the [hash tag](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags) of the name, as
/// four hexadecimal digits: in a cluster, the sessions of a subject lie in one slot.
///
/// ```
/// use handstamp_core::id::{Namespace, SessionId};
/// use handstamp_redis::record_name;
///
/// let namespace = Namespace::new("shop")?;
/// let key = namespace.session_key(&SessionId::from_bytes([0xab; 32]));
/// assert!(record_name(&namespace, &key).starts_with("shop:s:{abab}:"));
/// # Ok::<_, handstamp_core::id::InvalidNamespace>(())
/// ```
#[must_use]
pub fn record_name(namespace: &Namespace, key: &SessionKey) -> String {
    format!("{}:s:{{{}}}:{key}", namespace.as_str(), key.label())
}

/// The name of the record of `key`.
pub(crate) fn of(namespace: &Namespace, key: &SessionKey) -> Bytes {
    record_name(namespace, key).into()
}

/// The key whose record has this name, if it is the name of one.
pub(crate) fn key(namespace: &Namespace, name: &[u8]) -> Option<SessionKey> {
    let name = std::str::from_utf8(name).ok()?;
    let (tag, key) = name.strip_prefix(namespace.as_str())?.strip_prefix(":s:{")?.split_once("}:")?;
    let key: SessionKey = key.parse().ok()?;
    (key.label().to_string() == tag).then_some(key)
}

/// An auxiliary key, where the same permissions hold.
pub(crate) fn beside(namespace: &Namespace, what: &str, number: u32) -> Bytes {
    format!("{}:s:{what}:{number}", namespace.as_str()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_read_again() {
        let namespace = Namespace::new("shop:test").unwrap();
        let session = SessionKey::from_bytes([7; SessionKey::LEN]);
        assert_eq!(key(&namespace, &of(&namespace, &session)), Some(session));
        let other = Namespace::new("shop").unwrap();
        assert_eq!(key(&other, &of(&namespace, &session)), None);
        assert_eq!(key(&namespace, &beside(&namespace, "canary", 3)), None);
        assert_eq!(key(&namespace, b"\xff"), None);
        let elsewhere = record_name(&namespace, &session).replace("{0707}", "{0708}");
        assert_eq!(key(&namespace, elsewhere.as_bytes()), None, "it would lie in another slot");
    }
}
