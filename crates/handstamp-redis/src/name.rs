//! Under which name a record lies.

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};

/// The name of the record of `key`.
pub(crate) fn of(namespace: &Namespace, key: &SessionKey) -> Bytes {
    format!("{}:s:{key}", namespace.as_str()).into()
}

/// The key whose record has this name, if it is the name of one.
pub(crate) fn key(namespace: &Namespace, name: &[u8]) -> Option<SessionKey> {
    let name = std::str::from_utf8(name).ok()?;
    name.strip_prefix(namespace.as_str())?.strip_prefix(":s:")?.parse().ok()
}

/// Something beside the records, where the same permissions hold. Its length tells it from them.
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
    }
}
