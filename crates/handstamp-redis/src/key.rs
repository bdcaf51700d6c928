//! The Redis keys of records, and of auxiliary values.

use std::fmt::Write;

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};

/// The Redis key of the record of a session: `<namespace>:s:{<label>}:<session key>`. For tools; nodes need no configuration for it.
///
/// The label is the [hash tag](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags) of the key, as
/// four hexadecimal digits: in a cluster, the sessions of a subject share a slot.
///
/// ```
/// use handstamp_core::id::{Namespace, SessionId};
/// use handstamp_redis::record_key;
///
/// let namespace = Namespace::new("shop")?;
/// let key = namespace.session_key(&SessionId::from_bytes([0xab; 32]));
/// assert!(record_key(&namespace, &key).starts_with("shop:s:{abab}:"));
/// # Ok::<_, handstamp_core::id::InvalidNamespace>(())
/// ```
#[must_use]
pub fn record_key(namespace: &Namespace, key: &SessionKey) -> String {
    let mut redis_key = String::with_capacity(namespace.as_str().len() + REST_LEN);
    // Writing to a string never fails.
    let _ = write!(redis_key, "{}:s:{{{}}}:{key}", namespace.as_str(), key.label());
    redis_key
}

/// The session key in the Redis key of a record. `None` if it is the key of something else.
pub(crate) fn session_key(namespace: &Namespace, redis_key: &[u8]) -> Option<SessionKey> {
    let redis_key = std::str::from_utf8(redis_key).ok()?;
    let (tag, key) = redis_key.strip_prefix(namespace.as_str())?.strip_prefix(":s:{")?.split_once("}:")?;
    let key: SessionKey = key.parse().ok()?;
    (key.label().to_string() == tag).then_some(key)
}

/// The key of an auxiliary value, covered by the same permissions as records.
pub(crate) fn auxiliary_key(namespace: &Namespace, name: &str, number: u32) -> Bytes {
    format!("{}:s:{name}:{number}", namespace.as_str()).into()
}

/// What follows the namespace in the key of a record.
const REST_LEN: usize = ":s:{abab}:".len() + 43;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_key_can_be_parsed() {
        let namespace = Namespace::new("shop:test").unwrap();
        let session = SessionKey::from_bytes([7; SessionKey::LEN]);
        let redis_key = record_key(&namespace, &session);
        assert_eq!(session_key(&namespace, redis_key.as_bytes()), Some(session));
        assert_eq!(redis_key.len(), redis_key.capacity());
        let other = Namespace::new("shop").unwrap();
        assert_eq!(session_key(&other, redis_key.as_bytes()), None);
        assert_eq!(session_key(&namespace, &auxiliary_key(&namespace, "canary", 3)), None);
        assert_eq!(session_key(&namespace, b"\xff"), None);
        let elsewhere = redis_key.replace("{0707}", "{0708}");
        assert_eq!(session_key(&namespace, elsewhere.as_bytes()), None, "it would be in another slot");
    }
}
