use bytes::Bytes;
use serde_json::{Value, json};

use super::{BOUND, COOKIE, CRITICAL, FIELDS, OLD_SECRET, SECRET, SENT_AT, counting, hex, ring};
use crate::cookie::{CookieError, CookieSigner};
use crate::id::{SessionId, SessionKey};
use crate::invalidation::{Invalidation, InvalidationCodec, MessageError};
use crate::keys::{MacKeys, TAG_LEN};
use crate::record::{Entry, Record, RecordError, Sealer, Section, Tombstone, Unknown};

/// Inputs that have to be rejected, with the reasons that `docs/formats.md` defines.
pub(super) struct Rejected<'a> {
    pub(super) signer: &'a CookieSigner,
    pub(super) sealer: &'a Sealer,
    pub(super) codec: &'a InvalidationCodec,
    pub(super) key: SessionKey,
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
        let found = match self.codec.decode(bytes).unwrap_err() {
            MessageError::Forged => "forged",
            MessageError::Malformed | MessageError::Oversize => "malformed",
            MessageError::UnknownKey => "unknown key",
            MessageError::UnknownVersion => "unknown version",
        };
        assert_eq!(found, reason, "{about}");
        json!({"about": about, "bytes": hex(bytes), "reason": reason})
    }

    pub(super) fn cookies(&self, id: &SessionId) -> Value {
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

    pub(super) fn entries(&self, record: &Record, tombstone: &Tombstone) -> Value {
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
        // Changed, but with valid tags.
        let seal = |metadata: &[u8], payload| self.sealer.seal_parts(&self.key, metadata, payload);
        let resealed = |position, byte| seal(&changed(position, byte)[..first_tag], Some(payload));
        let tombstone = self.sealer.seal_tombstone(tombstone).bytes().to_vec();
        let tombstone_metadata = &tombstone[..tombstone.len() - TAG_LEN];
        let later_tombstone = [&tombstone_metadata[..3], &[1], &tombstone_metadata[4..]].concat();
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
            self.entry("a tombstone with a payload", seal(tombstone_metadata, Some(payload)), "malformed"),
        ])
    }

    pub(super) fn messages(&self) -> Value {
        let invalidation = Invalidation::SessionDeleted(self.key);
        let good = self.codec.encode(&invalidation, SENT_AT);
        let other = InvalidationCodec::new(&ring(&[OLD_SECRET]), self.codec.node().clone());
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
