use super::*;
use crate::record::fields::{FieldType, put};

#[test]
fn k7_1_an_entry_of_a_later_version_is_newer_and_not_malformed() {
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
    assert_eq!(with(2, 0), Err(RecordError::Malformed), "there is no version 0");
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
fn k7_3_unknown_fields_are_preserved_and_critical_ones_are_newer() {
    let sealer = sealer("shop", &[NEW]);
    let later = with_fields(&record(), &[(900, b"device")], &[(901 | BOUND, b"level 2"), (902, b"")]);
    let read = open_record(&sealer, &sealer.seal(&later).unwrap());
    assert_eq!(read, later);
    assert_eq!(open_record(&sealer, &sealer.seal(&read).unwrap()), later, "a save preserves them");
    let without_subject = Record { unknown_fields: read.unknown_fields.without_bound_to_subject(), ..read };
    assert_eq!(without_subject, with_fields(&record(), &[(900, b"device")], &[(902, b"")]));

    for later in [
        with_fields(&record(), &[(900 | CRITICAL, b"")], &[]),
        with_fields(&record(), &[], &[(900 | CRITICAL, b"")]),
    ] {
        let entry = sealer.seal(&later).unwrap();
        assert_eq!(sealer.open(&entry), Err(RecordError::Newer(Unknown::Field(900))));
    }
}

/// It must neither be ignored nor mistaken for the known field.
#[test]
fn a_known_number_with_other_bits_or_in_another_section_is_newer() {
    let sealer = sealer("shop", &[NEW]);
    let without_subject = Record { subject: None, ..record() };
    for (later, number) in [
        (with_fields(&without_subject, &[], &[(6 | BOUND, b"ada")]), 6),
        (with_fields(&without_subject, &[], &[(6, b"ada")]), 6),
        (with_fields(&without_subject, &[(6 | CRITICAL | BOUND, b"ada")], &[]), 6),
        (with_fields(&without_subject, &[(1, &[0; 8])], &[]), 1),
        (with_fields(&without_subject, &[(7 | BOUND, &[0; 4])], &[]), 7),
        (with_fields(&without_subject, &[], &[(7, &[0; 4])]), 7),
        (with_fields(&without_subject, &[(8, b"")], &[]), 8),
    ] {
        let entry = sealer.seal(&later).unwrap();
        assert_eq!(sealer.open(&entry), Err(RecordError::Newer(Unknown::Field(number))));
    }
    let harmless = with_fields(&without_subject, &[(9, b"twice"), (9, b"")], &[(9, b""), (0, b"")]);
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
