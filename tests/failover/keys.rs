use std::ops::RangeInclusive;

use handstamp_core::id::{Namespace, SessionKey};
use handstamp_redis::record_key;

/// The Redis key of a session.
pub(crate) fn name(key: &SessionKey) -> String {
    record_key(&Namespace::new(NAMESPACE).expect("a valid name"), key)
}

/// A new key whose slot is one of these, or none of them.
pub(crate) fn generate(slots: &RangeInclusive<u16>, inside: bool) -> SessionKey {
    loop {
        let key = SessionKey::from_bytes(std::array::from_fn(|_| fastrand::u8(..)));
        if slots.contains(&slot_of(&name(&key))) == inside {
            return key;
        }
    }
}

/// The slot of a key: that of its hash tag, if it has one.
fn slot_of(name: &str) -> u16 {
    let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let hashed = tag.map_or(name, |(tag, _)| tag);
    // CRC-16 as in XMODEM.
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    });
    crc % SLOTS
}

pub(crate) const NAMESPACE: &str = "handstamp";
pub(crate) const SLOTS: u16 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_agree_with_redis() {
        assert_eq!(["123456789", "foo", "bar:{foo}:baz"].map(slot_of), [12_739, 12_182, 12_182]);
    }

    #[test]
    fn keys_are_generated_for_slots() {
        let slots = 1_000..=1_099;
        assert!(slots.contains(&slot_of(&name(&generate(&slots, true)))));
        assert!(!slots.contains(&slot_of(&name(&generate(&slots, false)))));
    }
}
