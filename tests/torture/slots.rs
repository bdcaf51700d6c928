//! Where in a cluster a session lies.

use std::ops::RangeInclusive;
use std::sync::Arc;

use handstamp_core::cookie::CookieSigner;
use handstamp_core::id::Namespace;
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

/// Knows the slot of a session from its cookie, as only those can who know the secret.
#[derive(Clone, Debug)]
pub(crate) struct Finder {
    ring: Arc<KeyRing>,
    namespace: Namespace,
}

impl Finder {
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self { namespace: ring.namespace().clone(), ring: Arc::new(ring) }
    }

    /// The slot of the session that `cookie` stands for, which is `name=value`.
    pub(crate) fn slot(&self, cookie: &str) -> Slot {
        let (name, value) = cookie.split_once('=').expect("a cookie has a name");
        let signer = CookieSigner::new(&self.ring, name);
        let opened = signer.open(value.as_bytes()).expect("nodes sign cookies");
        let key = self.namespace.session_key(&opened.id);
        slot_of(format!("{}:s:{key}", self.namespace.as_str()).as_bytes())
    }
}

/// The slot of a key without braces: CRC-16/XMODEM, of which 14 bits count.
pub(crate) fn slot_of(key: &[u8]) -> Slot {
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
    fn a_cookie_tells_the_slot() {
        let namespace = Namespace::new("shop").unwrap();
        let secret = Secret::generate().unwrap();
        let ring = KeyRing::new(namespace.clone(), &[secret]).unwrap();
        let id = SessionId::generate().unwrap();
        let cookie = format!("sid={}", CookieSigner::new(&ring, "sid").seal(&id));
        let key = format!("shop:s:{}", namespace.session_key(&id));
        assert_eq!(Finder::new(ring).slot(&cookie), slot_of(key.as_bytes()));
    }

    #[test]
    fn a_part_has_its_slots() {
        let part = Part::new(vec![1..=3, 7..=7]);
        assert_eq!([0, 1, 3, 4, 7].map(|slot| part.has(slot)), [false, true, true, false, true]);
        assert!(Part::all().has(0) && Part::all().has(16_383));
        assert!(Part::from_iter([5]).has(5) && !Part::from_iter([5]).has(6));
    }
}
