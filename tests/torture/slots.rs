//! The hash slots of sessions.

use std::ops::RangeInclusive;
use std::sync::Arc;

use handstamp_core::cookie::CookieSigner;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::keys::KeyRing;

/// The hash slot of a key.
pub(crate) type Slot = u16;

/// A set of slots, such as those affected by a fault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SlotSet(Vec<RangeInclusive<Slot>>);

impl SlotSet {
    pub(crate) const fn new(slots: Vec<RangeInclusive<Slot>>) -> Self {
        Self(slots)
    }

    pub(crate) fn all() -> Self {
        Self(vec![0..=Slot::MAX])
    }

    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.0.iter().any(|range| range.contains(&slot))
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        Self(slots.into_iter().map(|slot| slot..=slot).collect())
    }
}

/// Finds the session of a cookie, with the secrets of the nodes.
#[derive(Clone, Debug)]
pub(crate) struct SessionFinder {
    ring: Arc<KeyRing>,
    namespace: Namespace,
}

impl SessionFinder {
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self { namespace: ring.namespace().clone(), ring: Arc::new(ring) }
    }

    /// The session of a cookie, given as `name=value`.
    pub(crate) fn session(&self, cookie: &str) -> SessionKey {
        let (name, value) = cookie.split_once('=').expect("a cookie has a name");
        let signer = CookieSigner::new(&self.ring, name);
        let cookie = signer.verify(value.as_bytes()).expect("nodes sign cookies");
        self.namespace.session_key(&cookie.id)
    }
}

/// The slot of a session.
pub(crate) fn slot_of_session(key: &SessionKey) -> Slot {
    slot_of(key.label().to_string().as_bytes())
}

/// The slot of a key, which is that of its hash tag if it has one.
pub(crate) fn slot_of_key(key: &str) -> Slot {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    slot_of(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes())
}

/// The slot of a hash tag: the lower 14 bits of CRC-16/XMODEM.
fn slot_of(key: &[u8]) -> Slot {
    let crc = key.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % COUNT
}

const COUNT: Slot = 16_384;

#[cfg(test)]
mod tests {
    use handstamp_core::id::SessionId;
    use handstamp_core::keys::Secret;

    use super::*;

    #[test]
    fn slots_agree_with_the_server() {
        // As returned by `CLUSTER KEYSLOT`.
        assert_eq!([&b"foo"[..], b"bar", b"123456789"].map(slot_of), [12_182, 5_061, 12_739]);
    }

    #[test]
    fn keys_with_the_same_hash_tag_are_in_the_same_slot() {
        // As returned by `CLUSTER KEYSLOT`.
        let keys = ["foo", "a{foo}b", "{foo}", "{foo}{bar}"];
        assert_eq!(keys.map(slot_of_key), [12_182; 4]);
        assert_eq!(["{}foo", "foo{"].map(slot_of_key), [slot_of(b"{}foo"), slot_of(b"foo{")]);
    }

    #[test]
    fn the_session_of_a_cookie_is_found() {
        let namespace = Namespace::new("shop").unwrap();
        let secret = Secret::generate().unwrap();
        let ring = KeyRing::new(namespace.clone(), &[secret]).unwrap();
        let id = SessionId::generate(None).unwrap();
        let cookie = format!("sid={}", CookieSigner::new(&ring, "sid").sign(&id));
        let key = SessionFinder::new(ring).session(&cookie);
        assert_eq!(key, namespace.session_key(&id));
        assert_eq!(slot_of_session(&key), slot_of(key.label().to_string().as_bytes()));
    }

    #[test]
    fn a_set_contains_its_slots() {
        let set = SlotSet::new(vec![1..=3, 7..=7]);
        assert_eq!([0, 1, 3, 4, 7].map(|slot| set.has(slot)), [false, true, true, false, true]);
        assert!(SlotSet::all().has(0) && SlotSet::all().has(16_383));
        assert!(SlotSet::from_iter([5]).has(5) && !SlotSet::from_iter([5]).has(6));
    }
}
