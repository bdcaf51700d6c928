use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::fields::{FieldType, put};
use super::*;
use crate::id::Namespace;
use crate::keys::{KeyAge, KeyId, KeyRing, Secret, TAG_LEN};

/// Where the fields begin.
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

/// What is read of these bytes under the key of [`record`].
fn open(sealer: &Sealer, bytes: impl Into<Bytes>) -> Result<Opened, RecordError> {
    sealer.open(&Entry::read(record().key, bytes.into()).ok_or(RecordError::Malformed)?)
}

fn open_record(sealer: &Sealer, entry: &Entry) -> Record {
    match sealer.open(entry) {
        Ok(Opened::Record(record, KeyAge::Current)) => unsealed(record),
        other => panic!("not a record: {other:?}"),
    }
}

/// As it was before it was sealed for the first time.
fn unsealed(record: Record) -> Record {
    Record { seals: Seals::default(), ..record }
}

#[test]
fn entries_survive_the_round_trip() {
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
            assert!(open(&sealer, bytes).is_err(), "bit {bit} may be changed");
        }
        for len in 0..entry.bytes().len() {
            assert!(open(&sealer, entry.bytes().slice(..len)).is_err(), "{len} bytes are enough");
        }
        let longer = [&entry.bytes()[..], b"x"].concat();
        assert!(open(&sealer, longer).is_err());
    }
}

#[test]
fn k7_3_parts_of_two_saves_do_not_go_together() {
    let sealer = sealer("shop", &[NEW]);
    let one = sealer.seal(&record()).unwrap();
    let two = Record { revision: Revision::from_bytes([8; 16]), ..record() };
    let two = sealer.seal(&Record { payload: Bytes::from_static(b"another"), ..two }).unwrap();
    let cut = one.bytes().len() - b"payload".len() - 32;
    let mixed = [&one.bytes()[..cut], &two.bytes()[cut..]].concat();
    assert_eq!(open(&sealer, mixed), Err(RecordError::Forged));
}

#[test]
fn a_record_of_another_session_or_namespace_is_refused() {
    let shop = sealer("shop", &[NEW]);
    let entry = shop.seal(&record()).unwrap();
    let moved = Entry::read(SessionKey::from_bytes([9; 32]), entry.bytes().clone()).unwrap();
    assert_eq!(shop.open(&moved), Err(RecordError::Forged));
    assert!(sealer("blog", &[NEW]).open(&entry).is_err());
}

#[test]
fn records_cross_a_key_rotation() {
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

/// Otherwise two nodes in the middle of a rotation would seal a record in turn, for ever.
#[test]
fn a_record_tells_which_secret_it_was_sealed_under_before() {
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
    assert!(behind.was_resealed(&third), "a save under the same secret keeps that");
    let fourth = reopened(&behind, &third);
    assert!(ahead.was_resealed(&fourth) && !behind.was_resealed(&fourth));
}

#[test]
fn k7_1_what_a_later_version_writes_is_newer_and_not_garbage() {
    let sealer = sealer("shop", &[NEW]);
    let entry = sealer.seal(&record()).unwrap();
    let with = |position: usize, byte: u8| {
        let mut bytes = entry.bytes().to_vec();
        bytes[position] = byte;
        open(&sealer, bytes)
    };
    assert_eq!(with(2, 2), Err(RecordError::Newer(Unknown::Format(2))));
    assert_eq!(with(76, 2), Err(RecordError::Newer(Unknown::Seal(2))));
    assert_eq!(with(3, 1), Err(RecordError::Forged), "flags are sealed");
    assert_eq!(with(2, 0), Err(RecordError::Malformed), "there is no such version");
    assert_eq!(open(&sealer, &br#"{"username": "ada"}"#[..]), Err(RecordError::Malformed));
    assert_eq!(open(&sealer, &b""[..]), Err(RecordError::Malformed));
}

#[test]
fn k7_1_flags_of_a_later_version_are_newer() {
    let sealer = sealer("shop", &[NEW]);
    let Record { key, payload, .. } = record();
    let with_payload = sealer.seal(&record()).unwrap();
    let payload_at = with_payload.bytes().len() - TAG_LEN - payload.len();
    for (entry, end, payload) in [
        (with_payload, payload_at, Some(&payload[..])),
        (sealer.seal_tombstone(&tombstone(None)), FIELDS_AT + TAG_LEN, None),
        (sealer.seal_tombstone(&tombstone(Some(key))), FIELDS_AT + 4 + TAG_LEN, None),
    ] {
        let mut metadata = entry.bytes()[..end - TAG_LEN].to_vec();
        assert_eq!(sealer.seal_parts(&key, &metadata, payload), entry.bytes()[..]);
        for flags in [1, 0x80, 0xff] {
            metadata[3] = flags;
            let opened = open(&sealer, sealer.seal_parts(&key, &metadata, payload));
            assert_eq!(opened, Err(RecordError::Newer(Unknown::Flags(flags))));
        }
    }
}

/// A record as a later version may write it, with more fields.
fn with_fields(record: &Record, open: &[(u16, &[u8])], closed: &[(u16, &[u8])]) -> Record {
    let section = |fields: &[(u16, &[u8])]| {
        let mut section = Vec::new();
        fields.iter().for_each(|(kind, value)| put(&mut section, FieldType::from_bits(*kind), value));
        section
    };
    let unknown_fields = UnknownFields { open: section(open), closed: section(closed) };
    Record { unknown_fields, ..record.clone() }
}

const CRITICAL: u16 = 1 << 15;
const BOUND: u16 = 1 << 14;

#[test]
fn k7_3_harmless_fields_are_kept_and_critical_ones_are_newer() {
    let sealer = sealer("shop", &[NEW]);
    let later = with_fields(&record(), &[(900, b"device")], &[(901 | BOUND, b"level 2"), (902, b"")]);
    let read = open_record(&sealer, &sealer.seal(&later).unwrap());
    assert_eq!(read, later);
    assert_eq!(open_record(&sealer, &sealer.seal(&read).unwrap()), later, "a save keeps them");
    let of_nobody = Record { unknown_fields: read.unknown_fields.without_bound_to_subject(), ..read };
    assert_eq!(of_nobody, with_fields(&record(), &[(900, b"device")], &[(902, b"")]));

    for later in [
        with_fields(&record(), &[(900 | CRITICAL, b"")], &[]),
        with_fields(&record(), &[], &[(900 | CRITICAL, b"")]),
    ] {
        let entry = sealer.seal(&later).unwrap();
        assert_eq!(sealer.open(&entry), Err(RecordError::Newer(Unknown::Field(900))));
    }
}

/// It must neither be taken for the field that it is not, nor be ignored.
#[test]
fn a_known_number_with_other_bits_or_in_another_place_is_newer() {
    let sealer = sealer("shop", &[NEW]);
    let nobody = Record { subject: None, ..record() };
    for (later, number) in [
        (with_fields(&nobody, &[], &[(6 | BOUND, b"ada")]), 6),
        (with_fields(&nobody, &[], &[(6, b"ada")]), 6),
        (with_fields(&nobody, &[(6 | CRITICAL | BOUND, b"ada")], &[]), 6),
        (with_fields(&nobody, &[(1, &[0; 8])], &[]), 1),
        (with_fields(&nobody, &[(7 | BOUND, &[0; 4])], &[]), 7),
        (with_fields(&nobody, &[], &[(7, &[0; 4])]), 7),
        (with_fields(&nobody, &[(8, b"")], &[]), 8),
    ] {
        let entry = sealer.seal(&later).unwrap();
        assert_eq!(sealer.open(&entry), Err(RecordError::Newer(Unknown::Field(number))));
    }
    let harmless = with_fields(&nobody, &[(9, b"twice"), (9, b"")], &[(9, b""), (0, b"")]);
    assert_eq!(open_record(&sealer, &sealer.seal(&harmless).unwrap()), harmless);
}

#[test]
fn a_tombstone_has_no_fields_of_records() {
    let sealer = sealer("shop", &[NEW]);
    for (later, number) in [
        (with_fields(&record(), &[(7, &[0; 4])], &[]), 7),
        (with_fields(&record(), &[(8 | CRITICAL, b"")], &[]), 8),
        (with_fields(&record(), &[], &[(8, b"")]), 8),
        (with_fields(&record(), &[], &[(900 | CRITICAL, b"")]), 900),
    ] {
        let fields = later.unknown_fields;
        let mut metadata = sealer.seal_tombstone(&tombstone(None)).bytes()[..FIELDS_AT].to_vec();
        metadata[68..72].copy_from_slice(&(fields.open.len() as u32).to_be_bytes());
        metadata[72..76].copy_from_slice(&(fields.closed.len() as u32).to_be_bytes());
        metadata.extend([fields.open, fields.closed].concat());
        let bytes = sealer.seal_parts(&record().key, &metadata, None);
        assert_eq!(open(&sealer, bytes), Err(RecordError::Newer(Unknown::Field(number))));
    }
}

#[test]
fn a_field_occurs_once() {
    let sealer = sealer("shop", &[NEW]);
    let twice = with_fields(&record(), &[], &[(6 | CRITICAL | BOUND, b"bob")]);
    assert_eq!(sealer.open(&sealer.seal(&twice).unwrap()), Err(RecordError::Malformed));
}

#[test]
fn overlong_subjects_are_refused() {
    let sealer = sealer("shop", &[NEW]);
    let subject = |len| Record { subject: Some("x".repeat(len)), ..record() };
    assert_eq!(sealer.seal(&subject(Record::MAX_SUBJECT_LEN + 1)), Err(SubjectTooLong));
    let longest = subject(Record::MAX_SUBJECT_LEN);
    assert_eq!(open_record(&sealer, &sealer.seal(&longest).unwrap()), longest);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let sealer = sealer("shop", &[NEW]);
        prop_assert!(open(&sealer, bytes.clone()).is_err());
        let headed = [b"hs\x01\x00".to_vec(), bytes].concat();
        prop_assert!(open(&sealer, headed).is_err());
    }

    /// An authentic record with any sections: the reader trusts no length.
    #[test]
    fn no_sections_make_it_panic(
        open in proptest::collection::vec(any::<u8>(), 0..60),
        closed in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let sealer = sealer("shop", &[NEW]);
        let strange = Record { unknown_fields: UnknownFields { open, closed }, ..record() };
        let _ = sealer.open(&sealer.seal(&strange).unwrap());
    }
}
