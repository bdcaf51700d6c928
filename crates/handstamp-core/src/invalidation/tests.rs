use proptest::prelude::*;

use super::codec::VERSION;
use super::*;
use crate::id::Namespace;
use crate::keys::{KeyRing, Secret, TAG_LEN};

const OLD: &str = "old";
const NEW: &str = "new";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn codec(namespace: &str, secrets: &[&str]) -> InvalidationCodec {
    let secrets: Vec<_> = secrets.iter().map(|text| Secret::unchecked(text)).collect();
    let ring = KeyRing::new(Namespace::new(namespace).unwrap(), &secrets).unwrap();
    InvalidationCodec::new(&ring, NodeId::new("node-1").unwrap())
}

fn deleted() -> Invalidation {
    Invalidation::SessionDeleted(SessionKey::from_bytes([1; 32]))
}

#[test]
fn messages_round_trip() {
    let codec = codec("shop", &[NEW]);
    let saved =
        Invalidation::SessionInvalidated(SessionKey::from_bytes([1; 32]), Revision::from_bytes([2; 16]));
    let moved = Invalidation::SessionMoved(SessionKey::from_bytes([1; 32]));
    for invalidation in [deleted(), moved, saved, Invalidation::CacheClear] {
        let message = codec.encode(&invalidation, NOW);
        let invalidation = InvalidationMessage { invalidation, node: codec.node().clone(), sent_at: NOW };
        assert_eq!(codec.decode(&message), Ok(invalidation));
        assert!(message.len() <= InvalidationCodec::MAX_LEN);
    }
}

#[test]
fn every_flipped_bit_is_detected() {
    let codec = codec("shop", &[NEW]);
    let message = codec.encode(&deleted(), NOW);
    for bit in 0..message.len() * 8 {
        let mut forged = message.to_vec();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(codec.decode(&forged).is_err(), "bit {bit} is not authenticated");
    }
}

#[test]
fn messages_cross_a_key_rotation_but_not_a_namespace() {
    let message = codec("shop", &[OLD]).encode(&deleted(), NOW);
    assert!(codec("shop", &[NEW, OLD]).decode(&message).is_ok());
    assert_eq!(codec("shop", &[NEW]).decode(&message), Err(MessageError::UnknownKey));
    assert!(codec("blog", &[OLD]).decode(&message).is_err());
}

#[test]
fn k7_2_only_messages_that_may_be_authentic_count_as_a_gap() {
    let codec = codec("shop", &[NEW]);
    // K7.2: the version, and the kind.
    for (position, later) in [(0, 2), (2, 5), (2, 0)] {
        let mut newer = codec.encode(&deleted(), NOW).to_vec();
        newer.truncate(newer.len() - TAG_LEN);
        newer[position] = later;
        newer.extend(codec.keys.sign(&[&newer]));
        assert_eq!(codec.decode(&newer), Err(MessageError::UnknownVersion));
    }
    assert!(MessageError::UnknownVersion.may_hide_an_invalidation());
    assert!(MessageError::UnknownKey.may_hide_an_invalidation());

    for (message, reason) in [
        (vec![0; InvalidationCodec::MAX_LEN + 1], MessageError::Oversize),
        (b"CLEAR".to_vec(), MessageError::Malformed),
        (vec![0; TAG_LEN], MessageError::Malformed),
    ] {
        assert_eq!(codec.decode(&message), Err(reason));
        assert!(!reason.may_hide_an_invalidation());
    }
    assert!(!MessageError::Forged.may_hide_an_invalidation());
}

proptest! {
    #[test]
    fn decoding_never_panics(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let codec = codec("shop", &[NEW]);
        prop_assert!(codec.decode(&content).is_err());
        let mut authentic = vec![VERSION, codec.keys.current_id().short()];
        authentic.extend(content);
        authentic.extend(codec.keys.sign(&[&authentic]));
        let _ = codec.decode(&authentic);
    }
}
