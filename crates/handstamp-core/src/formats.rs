//! The test vectors of `docs/formats.md`: made by this code, and read by the decoder in Python beside them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::cookie::{CookieError, CookieSigner};
use crate::id::{Label, Labels, Namespace, PublicId, SessionId, SessionKey};
use crate::invalidation::{Invalidation, InvalidationCodec, MessageError, NodeId};
use crate::keys::{KeyId, KeyRing, MacKeys, Secret, TAG_LEN};
use crate::record::{
    Encoding, Entry, Opened, Record, RecordError, Revision, Sealer, Seals, Section, Tombstone, Unknown,
    UnknownFields,
};
use crate::time::Timestamp;

/// Not for use: everybody can read it.
const SECRET: &str = "the secret of the test vectors, which is no secret";
/// Of the time before the secret was replaced.
const OLD_SECRET: &str = "the old secret of the test vectors, which is no secret";
const PEPPER: &str = "the pepper of the test vectors, which is no secret";
const NAMESPACE: &str = "shop";
const COOKIE: &str = "__Host-id";

const SENT_AT: Timestamp = Timestamp::from_millis(1_767_225_661_500);
/// Where the fields of an entry begin.
const FIELDS: usize = Entry::HEADER_LEN + 1 + KeyId::LEN;

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(file)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

fn ring(secrets: &[&str]) -> KeyRing {
    let secrets: Vec<_> = secrets.iter().map(|secret| Secret::unchecked(secret)).collect();
    KeyRing::new(Namespace::new(NAMESPACE).unwrap(), &secrets).unwrap()
}

/// Bytes that count from `first` on.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| first.wrapping_add(index as u8))
}

/// As a later version may write them.
const LATER_FIELDS: [(Section, u16, &[u8]); 4] = [
    (Section::Open, 900, b"device"),
    (Section::Open, 900, b"another of the same type"),
    (Section::Closed, 901 | BOUND, b"level 2"),
    (Section::Closed, 902, b""),
];
const CRITICAL: u16 = 1 << 15;
const BOUND: u16 = 1 << 14;

fn records(key: SessionKey) -> [Record; 3] {
    let first = Record {
        revision: Revision::from_bytes(counting(0x10)),
        key,
        public_id: PublicId::from_bytes(counting(0x20)),
        predecessor: None,
        created_at: Timestamp::from_millis(1_767_225_600_000),
        saved_at: Timestamp::from_millis(1_767_225_600_000),
        expires_at: Timestamp::from_millis(1_767_312_000_000),
        idle_timeout: Duration::from_secs(3_600),
        subject: None,
        encoding: Encoding::MessagePack,
        schema: 0,
        payload: Bytes::from_static(b"\x81\xa6visits\x01"),
        seals: Seals::default(),
        unknown_fields: UnknownFields::default(),
    };
    let second = Record {
        revision: Revision::from_bytes(counting(0x60)),
        predecessor: Some(SessionKey::from_bytes(counting(0x40))),
        saved_at: Timestamp::from_millis(1_767_225_661_000),
        subject: Some("user-7".to_owned()),
        encoding: Encoding::Json,
        schema: 3,
        payload: Bytes::from_static(br#"{"visits":2}"#),
        ..first.clone()
    };
    let mut later = Record { revision: Revision::from_bytes(counting(0x70)), ..second.clone() };
    for (section, kind, value) in LATER_FIELDS {
        later.unknown_fields.push(section, kind, value);
    }
    [first, second, later]
}

/// A record that was sealed under another secret before.
fn resealed(record: &Record) -> Record {
    let before = Sealer::new(&ring(&[OLD_SECRET])).seal(record).unwrap();
    match Sealer::new(&ring(&[SECRET, OLD_SECRET])).open(&before) {
        Ok(Opened::Record(record, _)) => record,
        other => panic!("not a record: {other:?}"),
    }
}

fn record_vector(sealer: &Sealer, record: &Record, sealed_before: Option<KeyId>) -> Value {
    let unknown = |section| {
        let is_there =
            |field: &&(Section, u16, &[u8])| field.0 == section && !record.unknown_fields.is_empty();
        let fields = LATER_FIELDS.iter().filter(is_there);
        fields.map(|(_, kind, value)| json!({"type": kind, "value": hex(value)})).collect::<Vec<_>>()
    };
    vector(
        &sealer.seal(record).unwrap(),
        &json!({
            "revision": hex(&record.revision.to_bytes()),
            "handle": hex(record.public_id.as_bytes()),
            "predecessor": record.predecessor.map(|key| hex(key.as_bytes())),
            "created_at": record.created_at.as_millis(),
            "saved_at": record.saved_at.as_millis(),
            "expires_at": record.expires_at.as_millis(),
            "idle_timeout": record.idle_timeout.as_millis() as u64,
            "subject": record.subject,
            "encoding": if record.encoding == Encoding::Json { 1 } else { 0 },
            "schema": record.schema,
            "payload": hex(&record.payload),
            "sealed_before": sealed_before.map(|id| hex(&id.to_bytes())),
            "unknown_open": unknown(Section::Open),
            "unknown_closed": unknown(Section::Closed),
        }),
    )
}

fn tombstone_vector(sealer: &Sealer, tombstone: &Tombstone) -> Value {
    vector(
        &sealer.seal_tombstone(tombstone),
        &json!({
            "revision": hex(&tombstone.revision.to_bytes()),
            "successor": tombstone.successor.map(|key| hex(key.as_bytes())),
            "same_subject": tombstone.same_subject,
        }),
    )
}

fn vector(entry: &Entry, content: &Value) -> Value {
    json!({"content": content, "bytes": hex(entry.bytes())})
}

fn message_vector(messenger: &InvalidationCodec, invalidation: &Invalidation) -> Value {
    let mut content = json!({"sent_at": SENT_AT.as_millis(), "node": messenger.node().as_str()});
    let kind = match *invalidation {
        Invalidation::CacheClear => "CacheClear",
        Invalidation::SessionDeleted(key) => {
            content["key"] = hex(key.as_bytes()).into();
            "SessionDeleted"
        }
        Invalidation::SessionMoved(key) => {
            content["key"] = hex(key.as_bytes()).into();
            "SessionMoved"
        }
        Invalidation::SessionInvalidated(key, revision) => {
            content["key"] = hex(key.as_bytes()).into();
            content["revision"] = hex(&revision.to_bytes()).into();
            "SessionInvalidated"
        }
    };
    content["kind"] = kind.into();
    json!({"content": content, "bytes": hex(&messenger.encode(invalidation, SENT_AT))})
}

/// What is refused, and why: the words of `docs/formats.md`.
struct Rejected<'a> {
    signer: &'a CookieSigner,
    sealer: &'a Sealer,
    messenger: &'a InvalidationCodec,
    key: SessionKey,
}

impl Rejected<'_> {
    fn cookie(&self, about: &str, value: &str, reason: &str) -> Value {
        let found = match self.signer.verify(value.as_bytes()).unwrap_err() {
            CookieError::BadTag => "forged",
            CookieError::Malformed => "malformed",
            CookieError::UnknownKey => "unknown key",
            CookieError::UnknownVersion => "unknown version",
        };
        assert_eq!(found, reason, "{about}");
        json!({"about": about, "value": value, "reason": reason})
    }

    fn entry(&self, about: &str, bytes: impl Into<Bytes>, reason: &str) -> Value {
        let bytes = bytes.into();
        let entry = Entry::read(self.key, bytes.clone()).ok_or(RecordError::Malformed);
        let found = match entry.and_then(|entry| self.sealer.open(&entry)).unwrap_err() {
            RecordError::Malformed => "malformed",
            RecordError::Forged => "forged",
            RecordError::UnknownKey => "unknown key",
            RecordError::Newer(Unknown::Format(_)) => "unknown version",
            RecordError::Newer(Unknown::Flags(_)) => "unknown flags",
            RecordError::Newer(Unknown::Seal(_)) => "unknown seal",
            RecordError::Newer(Unknown::Field(_)) => "unknown field",
            RecordError::Newer(Unknown::Encoding(_)) => "unknown encoding",
        };
        assert_eq!(found, reason, "{about}");
        json!({"about": about, "bytes": hex(&bytes), "reason": reason})
    }

    fn message(&self, about: &str, bytes: &[u8], reason: &str) -> Value {
        let found = match self.messenger.decode(bytes).unwrap_err() {
            MessageError::Forged => "forged",
            MessageError::Malformed | MessageError::Oversize => "malformed",
            MessageError::UnknownKey => "unknown key",
            MessageError::UnknownVersion => "unknown version",
        };
        assert_eq!(found, reason, "{about}");
        json!({"about": about, "bytes": hex(bytes), "reason": reason})
    }

    fn cookies(&self, id: &SessionId) -> Value {
        let good = self.signer.sign(id);
        let with = |position: usize, text| [&good[..position], text, &good[position + 1..]].concat();
        let other = |secret, name| CookieSigner::new(&ring(&[secret]), name).sign(id);
        json!([
            self.cookie("the tag is wrong", &with(87, "A"), "forged"),
            self.cookie("of another cookie", &other(SECRET, "__Host-admin"), "forged"),
            self.cookie("an unknown version", &with(0, "B"), "unknown version"),
            self.cookie("an unknown key id", &other(OLD_SECRET, COOKIE), "unknown key"),
            self.cookie("cut off", &good[..87], "malformed"),
            self.cookie("base64 of the other alphabet", &good.replace('-', "+"), "malformed"),
            self.cookie("with padding", &format!("{}==", &good[..86]), "malformed"),
        ])
    }

    fn entries(&self, record: &Record, tombstone: &Tombstone) -> Value {
        let sealed = |record: &Record| self.sealer.seal(record).unwrap().bytes().to_vec();
        let with = |section, kind, value: &[u8]| {
            let mut record = record.clone();
            record.unknown_fields.push(section, kind, value);
            sealed(&record)
        };
        let good = sealed(record);
        let payload = &record.payload[..];
        let first_tag = good.len() - TAG_LEN - payload.len() - TAG_LEN;
        let changed = |position: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[position] = byte;
            bytes
        };
        // With good tags all the same.
        let seal = |metadata: &[u8], payload| self.sealer.seal_parts(&self.key, metadata, payload);
        let resealed = |position, byte| seal(&changed(position, byte)[..first_tag], Some(payload));
        let over = self.sealer.seal_tombstone(tombstone).bytes().to_vec();
        let over_metadata = &over[..over.len() - TAG_LEN];
        let later_tombstone = [&over_metadata[..3], &[1], &over_metadata[4..]].concat();
        // The field "created at" is the first one.
        let mut without_a_field = good[..first_tag].to_vec();
        without_a_field.drain(FIELDS..FIELDS + 12);
        without_a_field[71] -= 12;
        let elsewhere = Record { key: SessionKey::from_bytes(counting(0x40)), ..record.clone() };
        json!([
            self.entry("nothing", Bytes::new(), "malformed"),
            self.entry("another magic", changed(1, b'u'), "malformed"),
            self.entry("format version 0", changed(2, 0), "malformed"),
            self.entry("a head that is cut off", good[..75].to_vec(), "malformed"),
            self.entry("fields that are cut off", good[..100].to_vec(), "malformed"),
            self.entry("a first tag that is cut off", good[..first_tag + 31].to_vec(), "malformed"),
            self.entry("a second tag that is cut off", good[..first_tag + 63].to_vec(), "malformed"),
            self.entry("the last byte is missing", good[..good.len() - 1].to_vec(), "forged"),
            self.entry("open fields that are longer than the record", changed(68, 0xff), "malformed"),
            self.entry("an unknown format version", changed(2, 2), "unknown version"),
            self.entry("an unknown seal", changed(76, 2), "unknown seal"),
            self.entry(
                "an unknown key id",
                Sealer::new(&ring(&[OLD_SECRET])).seal(record).unwrap().bytes().clone(),
                "unknown key"
            ),
            self.entry("the first tag is wrong", changed(first_tag, !good[first_tag]), "forged"),
            self.entry("the second tag is wrong", changed(good.len() - 1, !good[good.len() - 1]), "forged"),
            self.entry("the record of another session", sealed(&elsewhere), "forged"),
            self.entry("an unknown flag that is not sealed", changed(3, 1), "forged"),
            self.entry("an unknown flag", resealed(3, 1), "unknown flags"),
            self.entry("a tombstone with an unknown flag", seal(&later_tombstone, None), "unknown flags"),
            self.entry(
                "an unknown critical field, open",
                with(Section::Open, 900 | CRITICAL, b""),
                "unknown field"
            ),
            self.entry(
                "an unknown critical field, closed",
                with(Section::Closed, 900 | CRITICAL, b""),
                "unknown field"
            ),
            self.entry(
                "a subject that is not critical",
                with(Section::Closed, 6 | BOUND, b"x"),
                "unknown field"
            ),
            self.entry(
                "a subject that is open",
                with(Section::Open, 6 | CRITICAL | BOUND, b"x"),
                "unknown field"
            ),
            self.entry("a record with a tombstone's field", with(Section::Open, 8, b""), "unknown field"),
            self.entry("an unknown encoding", resealed(FIELDS + 4 * 12 + 4, 2), "unknown encoding"),
            self.entry("a field twice", with(Section::Open, 1 | CRITICAL, &[0; 8]), "malformed"),
            self.entry("a field that is missing", seal(&without_a_field, Some(payload)), "malformed"),
            self.entry("a field of another length", with(Section::Open, 7, b"x"), "malformed"),
            self.entry("a field that is cut off", resealed(FIELDS + 4 * 12 + 3, 4), "malformed"),
            self.entry("a tombstone with a payload", seal(over_metadata, Some(payload)), "malformed"),
        ])
    }

    fn messages(&self) -> Value {
        let invalidation = Invalidation::SessionDeleted(self.key);
        let good = self.messenger.encode(&invalidation, SENT_AT);
        let other = InvalidationCodec::new(&ring(&[OLD_SECRET]), self.messenger.node().clone());
        let keys = MacKeys::derive(&ring(&[SECRET]), "sess/v1/bus-mac", |_| b"sess/v1/bus\0".to_vec());
        let changed = |position: usize, byte: u8| {
            let mut content = good[..good.len() - TAG_LEN].to_vec();
            content[position] = byte;
            content
        };
        let signed = |content: Vec<u8>| [&content[..], &keys.sign(&[&content])].concat();
        let forged = [&changed(2, 4)[..], &good[good.len() - TAG_LEN..]].concat();
        let long = [changed(0, 1), vec![0; InvalidationCodec::MAX_LEN]].concat();
        json!([
            self.message("the tag is wrong", &forged, "forged"),
            self.message("an unknown version", &signed(changed(0, 2)), "unknown version"),
            self.message("an unknown kind", &signed(changed(2, 5)), "unknown version"),
            self.message("an unknown key id", &other.encode(&invalidation, SENT_AT), "unknown key"),
            self.message("the last byte is missing", &good[..good.len() - 1], "forged"),
            self.message("shorter than a tag", &good[..TAG_LEN - 1], "malformed"),
            self.message("a body of another kind", &signed(changed(2, 3)), "malformed"),
            self.message("longer than any message", &signed(long), "malformed"),
        ])
    }
}

fn vectors() -> Value {
    let ring = ring(&[SECRET]);
    let subject = "user-7";
    let label = Labels::new(ring.namespace(), None).of(subject);
    let mut id = counting(0xa0);
    id[..Label::LEN].copy_from_slice(label.as_bytes());
    let id = SessionId::from_bytes(id);
    let key = ring.namespace().session_key(&id);
    let peppered = Labels::new(ring.namespace(), Some(&Secret::unchecked(PEPPER))).of(subject);
    let sealer = Sealer::new(&ring);
    let signer = CookieSigner::new(&ring, COOKIE);
    let messenger = InvalidationCodec::new(&ring, NodeId::new("node-1").unwrap());
    let rejected = Rejected { signer: &signer, sealer: &sealer, messenger: &messenger, key };
    let records = records(key);
    let [first, second, later] = &records;
    let old_id = self::ring(&[OLD_SECRET]).current_id();
    let tombstone = |successor: Option<SessionKey>| {
        let same_subject = successor.is_some();
        Tombstone { key, revision: second.revision, successor, same_subject }
    };
    let invalidations = [
        Invalidation::SessionDeleted(key),
        Invalidation::SessionInvalidated(key, second.revision),
        Invalidation::CacheClear,
        Invalidation::SessionMoved(key),
    ];
    json!({
        "secret": hex(SECRET.as_bytes()),
        "namespace": NAMESPACE,
        "key_id": hex(&ring.current_id().to_bytes()),
        "labels": [
            {"subject": subject, "pepper": null, "label": label.to_string()},
            {"subject": subject, "pepper": hex(PEPPER.as_bytes()), "label": peppered.to_string()},
        ],
        "session_id": hex(id.as_bytes()),
        "session_key": hex(key.as_bytes()),
        "cookie": {"name": COOKIE, "value": signer.sign(&id)},
        "entries": [
            record_vector(&sealer, first, None),
            record_vector(&sealer, second, None),
            record_vector(&sealer, &resealed(second), Some(old_id)),
            record_vector(&sealer, later, None),
            tombstone_vector(&sealer, &tombstone(None)),
            tombstone_vector(&sealer, &tombstone(second.predecessor)),
        ],
        "messages": invalidations.each_ref().map(|invalidation| message_vector(&messenger, invalidation)),
        "rejected": {
            "cookies": rejected.cookies(&id),
            "entries": rejected.entries(second, &tombstone(None)),
            "messages": rejected.messages(),
        },
    })
}

/// Stores, browsers and later versions hold these bytes. A change of the vectors is a change of the format.
#[test]
fn the_test_vectors_are_what_this_code_writes() {
    let written = format!("{:#}\n", vectors());
    let recorded = std::fs::read_to_string(path("vectors.json")).unwrap_or_default();
    assert!(written == recorded, "docs/formats/vectors.json should be:\n{written}");
}

#[test]
fn an_independent_decoder_reads_the_test_vectors() {
    let run = Command::new("python3").arg(path("decode.py")).arg(path("vectors.json")).output();
    let output = run.expect("this test needs python3: `cargo xtask setup` says how to install it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
