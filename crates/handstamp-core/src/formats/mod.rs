//! The test vectors of `docs/formats.md`: encoded by this code, and decoded by the Python decoder next to them.

mod rejected;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::cookie::CookieSigner;
use crate::id::{Label, Labels, Namespace, PublicId, SessionId, SessionKey};
use crate::invalidation::{Invalidation, InvalidationCodec, NodeId};
use crate::keys::{KeyId, KeyRing, Secret};
use crate::record::{
    Encoding, Entry, Opened, Record, Revision, Sealer, Seals, Section, Tombstone, UnknownFields,
};
use crate::time::Timestamp;

use self::rejected::Rejected;

/// Published here, so not for use.
const SECRET: &str = "the secret of the test vectors, which is no secret";
/// The secret before a rotation.
const OLD_SECRET: &str = "the old secret of the test vectors, which is no secret";
const PEPPER: &str = "the pepper of the test vectors, which is no secret";
const NAMESPACE: &str = "shop";
const COOKIE: &str = "__Host-id";

const SENT_AT: Timestamp = Timestamp::from_millis(1_767_225_661_500);
/// The position of the fields in an entry.
const FIELDS: usize = Entry::HEADER_LEN + 1 + KeyId::LEN;

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(file)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string does not fail");
        hex
    })
}

fn ring(secrets: &[&str]) -> KeyRing {
    let secrets: Vec<_> = secrets.iter().map(|secret| Secret::unchecked(secret)).collect();
    KeyRing::new(Namespace::new(NAMESPACE).unwrap(), &secrets).unwrap()
}

/// Consecutive bytes, starting with `first`.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| first.wrapping_add(index as u8))
}

/// Fields as a later version may write them.
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

/// The record after it was sealed under another secret and opened again.
fn resealed(record: &Record) -> Record {
    let before = Sealer::new(&ring(&[OLD_SECRET])).seal(record).unwrap();
    match Sealer::new(&ring(&[SECRET, OLD_SECRET])).open(&before) {
        Ok(Opened::Record(record, _)) => record,
        other => panic!("not a record: {other:?}"),
    }
}

fn record_vector(sealer: &Sealer, record: &Record, sealed_before: Option<KeyId>) -> Value {
    let unknown = |section| {
        let is_in_section =
            |field: &&(Section, u16, &[u8])| field.0 == section && !record.unknown_fields.is_empty();
        let fields = LATER_FIELDS.iter().filter(is_in_section);
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

fn message_vector(codec: &InvalidationCodec, invalidation: &Invalidation) -> Value {
    let mut content = json!({"sent_at": SENT_AT.as_millis(), "node": codec.node().as_str()});
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
    json!({"content": content, "bytes": hex(&codec.encode(invalidation, SENT_AT))})
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
    let codec = InvalidationCodec::new(&ring, NodeId::new("node-1").unwrap());
    let rejected = Rejected { signer: &signer, sealer: &sealer, codec: &codec, key };
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
        "messages": invalidations.each_ref().map(|invalidation| message_vector(&codec, invalidation)),
        "rejected": {
            "cookies": rejected.cookies(&id),
            "entries": rejected.entries(second, &tombstone(None)),
            "messages": rejected.messages(),
        },
    })
}

/// Stores, browsers and later versions rely on these bytes: a change of the vectors is a change of the format.
#[test]
fn this_code_writes_the_test_vectors() {
    let written = format!("{:#}\n", vectors());
    let recorded = std::fs::read_to_string(path("vectors.json")).unwrap_or_default();
    assert!(written == recorded, "docs/formats/vectors.json should be:\n{written}");
}

#[test]
fn an_independent_decoder_reads_the_test_vectors() {
    let run = Command::new("python3").arg(path("decode.py")).arg(path("vectors.json")).output();
    let output = run.expect("this test needs python3: `cargo xtask setup` prints how to install it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
