//! Where in a cluster a session lies.

use std::ops::RangeInclusive;
use std::sync::Arc;

use handstamp_core::cookie::CookieSigner;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::keys::KeyRing;

/// The hash slot of a key.
pub(crate) type Slot = u16;

/// Some of the slots: those that a fault concerns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Part(Vec<RangeInclusive<Slot>>);

impl Part {
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

impl FromIterator<Slot> for Part {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        Self(slots.into_iter().map(|slot| slot..=slot).collect())
    }
}

/// Tells which session a cookie stands for, which takes the secrets.
#[derive(Clone, Debug)]
pub(crate) struct Finder {
    ring: Arc<KeyRing>,
    namespace: Namespace,
}

impl Finder {
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self { namespace: ring.namespace().clone(), ring: Arc::new(ring) }
    }

    /// The session that `cookie` stands for, which is `name=value`.
    pub(crate) fn session(&self, cookie: &str) -> SessionKey {
        let (name, value) = cookie.split_once('=').expect("a cookie has a name");
        let signer = CookieSigner::new(&self.ring, name);
        let opened = signer.verify(value.as_bytes()).expect("nodes sign cookies");
        self.namespace.session_key(&opened.id)
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

/// The slot of a hash tag: CRC-16/XMODEM, of which 14 bits count.
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
    fn slots_are_those_of_the_server() {
        // As `CLUSTER KEYSLOT` says.
        assert_eq!([&b"foo"[..], b"bar", b"123456789"].map(slot_of), [12_182, 5_061, 12_739]);
    }

    #[test]
    fn keys_with_one_hash_tag_lie_in_one_slot() {
        // As `CLUSTER KEYSLOT` says.
        let keys = ["foo", "a{foo}b", "{foo}", "{foo}{bar}"];
        assert_eq!(keys.map(slot_of_key), [12_182; 4]);
        assert_eq!(["{}foo", "foo{"].map(slot_of_key), [slot_of(b"{}foo"), slot_of(b"foo{")]);
    }

    #[test]
    fn a_cookie_tells_the_session() {
        let namespace = Namespace::new("shop").unwrap();
        let secret = Secret::generate().unwrap();
        let ring = KeyRing::new(namespace.clone(), &[secret]).unwrap();
        let id = SessionId::generate(None).unwrap();
        let cookie = format!("sid={}", CookieSigner::new(&ring, "sid").sign(&id));
        let key = Finder::new(ring).session(&cookie);
        assert_eq!(key, namespace.session_key(&id));
        assert_eq!(slot_of_session(&key), slot_of(key.label().to_string().as_bytes()));
    }

    #[test]
    fn a_part_has_its_slots() {
        let part = Part::new(vec![1..=3, 7..=7]);
        assert_eq!([0, 1, 3, 4, 7].map(|slot| part.has(slot)), [false, true, true, false, true]);
        assert!(Part::all().has(0) && Part::all().has(16_383));
        assert!(Part::from_iter([5]).has(5) && !Part::from_iter([5]).has(6));
    }
}
