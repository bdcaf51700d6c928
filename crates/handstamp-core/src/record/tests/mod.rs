mod later_versions;

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::id::Namespace;
use crate::keys::{KeyAge, KeyId, KeyRing, Secret, TAG_LEN};

/// The position of the fields.
const FIELDS_AT: usize = Entry::HEADER_LEN + 1 + KeyId::LEN;
const OLD: &str = "old";
const NEW: &str = "new";

fn sealer(namespace: &str, secrets: &[&str]) -> Sealer {
    let secrets: Vec<_> = secrets.iter().map(|text| Secret::unchecked(text)).collect();
    Sealer::new(&KeyRing::new(Namespace::new(namespace).unwrap(), &secrets).unwrap())
}

fn record() -> Record {
    Record {
        revision: Revision::from_bytes([1; 16]),
        key: SessionKey::from_bytes([2; 32]),
        public_id: PublicId::from_bytes([3; 16]),
        predecessor: Some(SessionKey::from_bytes([4; 32])),
        created_at: Timestamp::from_millis(1_700_000_000_000),
        saved_at: Timestamp::from_millis(1_700_000_300_000),
        expires_at: Timestamp::from_millis(1_700_086_400_000),
        idle_timeout: Duration::from_secs(3_600),
        subject: Some("ada".to_owned()),
        encoding: Encoding::MessagePack,
        schema: 7,
        payload: Bytes::from_static(b"payload"),
        seals: Seals::default(),
        unknown_fields: UnknownFields::default(),
    }
}

fn tombstone(successor: Option<SessionKey>) -> Tombstone {
    let Record { key, revision, .. } = record();
    Tombstone { key, revision, successor, same_subject: successor.is_some() }
}

/// Opens these bytes under the key of [`record`].
fn open(sealer: &Sealer, bytes: impl Into<Bytes>) -> Result<Opened, RecordError> {
    sealer.open(&Entry::read(record().key, bytes.into()).ok_or(RecordError::Malformed)?)
}

fn open_record(sealer: &Sealer, entry: &Entry) -> Record {
    match sealer.open(entry) {
        Ok(Opened::Record(record, KeyAge::Current)) => unsealed(record),
        other => panic!("not a record: {other:?}"),
    }
}

/// The record before it was sealed for the first time.
fn unsealed(record: Record) -> Record {
    Record { seals: Seals::default(), ..record }
}

#[test]
fn entries_round_trip() {
    let sealer = sealer("shop", &[NEW]);
    let bare = Record {
        predecessor: None,
        subject: None,
        encoding: Encoding::Json,
        payload: Bytes::new(),
        ..record()
    };
    for record in [record(), bare] {
        let entry = sealer.seal(&record).unwrap();
        assert_eq!(Entry::read(record.key, entry.bytes().clone()), Some(entry.clone()));
        assert_eq!(entry.revision(), record.revision);
        assert_eq!(entry.bytes()[Entry::REVISION_RANGE], record.revision.to_bytes());
        assert!(!entry.is_tombstone() && !entry.bytes().starts_with(&Entry::TOMBSTONE_MAGIC));
        assert_eq!(open_record(&sealer, &entry), record);
    }
    for successor in [None, Some(SessionKey::from_bytes([9; 32]))] {
        let entry = sealer.seal_tombstone(&tombstone(successor));
        assert!(entry.is_tombstone() && entry.bytes().starts_with(&Entry::TOMBSTONE_MAGIC));
        assert_eq!(entry.bytes()[Entry::REVISION_RANGE], record().revision.to_bytes());
        assert_eq!(sealer.open(&entry), Ok(Opened::Tombstone(tombstone(successor))));
    }
}

#[test]
fn k7_3_no_bit_can_be_changed() {
    let sealer = sealer("shop", &[NEW]);
    let entries = [sealer.seal(&record()).unwrap(), sealer.seal_tombstone(&tombstone(Some(record().key)))];
    for entry in entries {
        for bit in 0..entry.bytes().len() * 8 {
            let mut bytes = entry.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&sealer, bytes).is_err(), "bit {bit} is not sealed");
        }
        for len in 0..entry.bytes().len() {
            assert!(open(&sealer, entry.bytes().slice(..len)).is_err(), "{len} bytes are accepted");
        }
        let longer = [&entry.bytes()[..], b"x"].concat();
        assert!(open(&sealer, longer).is_err());
    }
}

#[test]
fn k7_3_parts_of_two_saves_cannot_be_combined() {
    let sealer = sealer("shop", &[NEW]);
    let one = sealer.seal(&record()).unwrap();
    let two = Record { revision: Revision::from_bytes([8; 16]), ..record() };
    let two = sealer.seal(&Record { payload: Bytes::from_static(b"another"), ..two }).unwrap();
    let cut = one.bytes().len() - b"payload".len() - 32;
    let mixed = [&one.bytes()[..cut], &two.bytes()[cut..]].concat();
    assert_eq!(open(&sealer, mixed), Err(RecordError::Forged));
}

#[test]
fn a_record_of_another_session_or_namespace_is_rejected() {
    let shop = sealer("shop", &[NEW]);
    let entry = shop.seal(&record()).unwrap();
    let moved = Entry::read(SessionKey::from_bytes([9; 32]), entry.bytes().clone()).unwrap();
    assert_eq!(shop.open(&moved), Err(RecordError::Forged));
    assert!(sealer("blog", &[NEW]).open(&entry).is_err());
}

#[test]
fn records_survive_a_key_rotation() {
    let entry = sealer("shop", &[OLD]).seal(&record()).unwrap();
    for (secrets, expected) in [
        (&[OLD, NEW][..], Ok((record(), KeyAge::Current))),
        (&[NEW, OLD], Ok((record(), KeyAge::Other))),
        (&[NEW], Err(RecordError::UnknownKey)),
    ] {
        let opened = sealer("shop", secrets).open(&entry).map(|opened| match opened {
            Opened::Record(record, key_age) => (unsealed(record), key_age),
            Opened::Tombstone(tombstone) => panic!("{tombstone:?}"),
        });
        assert_eq!(opened, expected, "{secrets:?}");
    }
}

/// Otherwise two nodes in the middle of a rotation would reseal a record in turn, forever.
#[test]
fn a_record_contains_the_previous_secret_that_it_was_sealed_under() {
    let (behind, ahead) = (sealer("shop", &[OLD, NEW]), sealer("shop", &[NEW, OLD]));
    let reopened = |sealer: &Sealer, record: &Record| match sealer.open(&sealer.seal(record).unwrap()) {
        Ok(Opened::Record(record, _)) => record,
        other => panic!("{other:?}"),
    };
    let first = reopened(&behind, &record());
    assert!(!behind.was_resealed(&first) && !ahead.was_resealed(&first), "it is new");
    let second = reopened(&ahead, &first);
    assert!(behind.was_resealed(&second) && !ahead.was_resealed(&second));
    let third = reopened(&ahead, &second);
    assert!(behind.was_resealed(&third), "a save under the same secret preserves that");
    let fourth = reopened(&behind, &third);
    assert!(ahead.was_resealed(&fourth) && !behind.was_resealed(&fourth));
}

#[test]
fn overlong_subjects_are_rejected() {
    let sealer = sealer("shop", &[NEW]);
    let subject = |len| Record { subject: Some("x".repeat(len)), ..record() };
    assert_eq!(sealer.seal(&subject(Record::MAX_SUBJECT_LEN + 1)), Err(SubjectTooLong));
    let longest = subject(Record::MAX_SUBJECT_LEN);
    assert_eq!(open_record(&sealer, &sealer.seal(&longest).unwrap()), longest);
}

proptest! {
    #[test]
    fn opening_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let sealer = sealer("shop", &[NEW]);
        prop_assert!(open(&sealer, bytes.clone()).is_err());
        let headed = [b"hs\x01\x00".to_vec(), bytes].concat();
        prop_assert!(open(&sealer, headed).is_err());
    }

    /// Authentic records with any sections: no length in them is trusted.
    #[test]
    fn opening_any_sections_never_panics(
        open in proptest::collection::vec(any::<u8>(), 0..60),
        closed in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let sealer = sealer("shop", &[NEW]);
        let strange = Record { unknown_fields: UnknownFields { open, closed }, ..record() };
        let _ = sealer.open(&sealer.seal(&strange).unwrap());
    }
}
