use std::fmt;

use bytes::Bytes;

use super::entry::Entry;
use super::error::{RecordError, SubjectTooLong, Unknown};
use super::header::{Header, Kind};
use super::sections::Sections;
use super::tombstone::Tombstone;
use super::{Record, Revision};
use crate::id::{Namespace, PublicId, SessionKey, length_of};
use crate::keys::{BadTag, KeyAge, KeyId, KeyRing, MacKeys, TAG_LEN};

/// Seals and opens the records and tombstones of a namespace.
///
/// ```text
///  0  header             76
/// 76  seal              1    1: HMAC-SHA-256
/// 77  key id            4    of the key that sealed
/// 81  open fields
///     closed fields
///     tag              32    HMAC-SHA-256(record key, prefix || 0 || key || all bytes before this)
///     payload                 \ records only
///     tag              32    / HMAC-SHA-256(record key, prefix || 1 || key || first tag || payload)
///
/// prefix = "sess/v1/record\0" || len16(namespace) || namespace, padded with zeros to a multiple of 64
/// ```
///
/// The first tag makes it possible to list sessions without reading their payloads. The second one covers the first, which is
/// different for every save, because every save has another revision.
#[derive(Clone)]
pub struct Sealer {
    keys: MacKeys,
}

/// The content of an entry whose seal was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opened {
    /// A record, and the age of the key that it is sealed under.
    Record(Record, KeyAge),
    /// A tombstone.
    Tombstone(Tombstone),
}

impl Sealer {
    /// The sealer for the namespace of `ring`.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        let prefix = prefix(ring.namespace());
        Self { keys: MacKeys::derive(ring, "sess/v1/record-mac", |_| prefix.clone()) }
    }

    /// The sealed entry of `record`.
    ///
    /// # Errors
    ///
    /// When the subject is longer than 65,535 bytes.
    pub fn seal(&self, record: &Record) -> Result<Entry, SubjectTooLong> {
        let sections = Sections::of(record, record.seals.then(self.keys.current_id()))?;
        let header = header(Kind::Record, record.revision, record.public_id, record.predecessor, &sections);
        let mut bytes = Vec::with_capacity(len(&sections) + record.payload.len() + TAG_LEN);
        let tag = self.put_metadata(&mut bytes, &header, &record.key, &sections);
        self.put_payload(&mut bytes, &record.key, &tag, &record.payload);
        Ok(Entry::new(record.key, header, bytes.into()))
    }

    /// The sealed entry of `tombstone`.
    #[must_use]
    pub fn seal_tombstone(&self, tombstone: &Tombstone) -> Entry {
        let sections = Sections::of_tombstone(tombstone);
        let Tombstone { key, revision, successor, .. } = *tombstone;
        let header = header(Kind::Tombstone, revision, NO_PUBLIC_ID, successor, &sections);
        let mut bytes = Vec::with_capacity(len(&sections));
        self.put_metadata(&mut bytes, &header, &key, &sections);
        Entry::new(key, header, bytes.into())
    }

    /// The content of `entry`, if it was sealed for its key under a secret of the ring.
    ///
    /// # Errors
    ///
    /// For everything else, with the first reason found.
    pub fn open(&self, entry: &Entry) -> Result<Opened, RecordError> {
        let (header, key) = (entry.header(), entry.key());
        let Metadata { content, sections, tag, rest, key_id } = Metadata::split(header, entry.bytes())?;
        let key_age = self.verify(key_id, &[&[METADATA], key.as_bytes(), content], tag)?;
        if header.flags != 0 {
            return Err(RecordError::Newer(Unknown::Flags(header.flags)));
        }
        match header.kind {
            Kind::Tombstone => {
                let same_subject = sections.same_subject()?;
                if !rest.is_empty() {
                    return Err(RecordError::Malformed);
                }
                Ok(Opened::Tombstone(Tombstone {
                    key: *key,
                    revision: header.revision,
                    successor: header.relative,
                    same_subject,
                }))
            }
            Kind::Record => {
                let (payload, payload_tag) =
                    rest.split_last_chunk::<TAG_LEN>().ok_or(RecordError::Malformed)?;
                self.verify(key_id, &[&[PAYLOAD], key.as_bytes(), tag, payload], payload_tag)?;
                let payload = entry.bytes().slice_ref(payload);
                Ok(Opened::Record(sections.record(header, *key, key_id, payload)?, key_age))
            }
        }
    }

    /// Whether an opened record was sealed under the current key before, and then under another one.
    #[must_use]
    pub fn was_resealed(&self, record: &Record) -> bool {
        let current = Some(self.keys.current_id());
        record.seals.last != current && record.seals.before == current
    }

    /// The predecessor in a record, or the successor in a tombstone. Only the header and the first tag are read, so that a logout
    /// can follow entries of later versions.
    ///
    /// # Errors
    ///
    /// When it was not sealed for its key under a secret of the ring.
    pub fn relative(&self, entry: &Entry) -> Result<Option<SessionKey>, RecordError> {
        let Metadata { content, tag, key_id, .. } = Metadata::split(entry.header(), entry.bytes())?;
        self.verify(key_id, &[&[METADATA], entry.key().as_bytes(), content], tag)?;
        Ok(entry.header().relative)
    }

    /// Appends all that stands before the payload, and returns the tag at its end.
    fn put_metadata(
        &self,
        bytes: &mut Vec<u8>,
        header: &Header,
        key: &SessionKey,
        sections: &Sections<'_>,
    ) -> [u8; TAG_LEN] {
        header.write(bytes);
        bytes.push(HMAC);
        bytes.extend_from_slice(&self.keys.current_id().to_bytes());
        bytes.extend_from_slice(&sections.open);
        bytes.extend_from_slice(&sections.closed);
        self.put_tag(bytes, key)
    }

    /// Appends the tag of everything before the payload.
    fn put_tag(&self, bytes: &mut Vec<u8>, key: &SessionKey) -> [u8; TAG_LEN] {
        let tag = self.keys.sign(&[&[METADATA], key.as_bytes(), bytes]);
        bytes.extend_from_slice(&tag);
        tag
    }

    fn put_payload(&self, bytes: &mut Vec<u8>, key: &SessionKey, tag: &[u8; TAG_LEN], payload: &[u8]) {
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&self.keys.sign(&[&[PAYLOAD], key.as_bytes(), tag, payload]));
    }

    /// Seals any metadata, and a payload, as a later version may do.
    #[cfg(test)]
    pub(crate) fn seal_parts(&self, key: &SessionKey, metadata: &[u8], payload: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = metadata.to_vec();
        let tag = self.put_tag(&mut bytes, key);
        if let Some(payload) = payload {
            self.put_payload(&mut bytes, key, &tag, payload);
        }
        bytes
    }

    fn verify(&self, key_id: KeyId, parts: &[&[u8]], tag: &[u8; TAG_LEN]) -> Result<KeyAge, RecordError> {
        self.keys.verify(|id| id == key_id, parts, tag).map_err(|bad| match bad {
            BadTag::Forged => RecordError::Forged,
            BadTag::UnknownKey => RecordError::UnknownKey,
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// An entry, split into its parts.
struct Metadata<'a> {
    /// Everything that the first tag covers.
    content: &'a [u8],
    sections: Sections<'a>,
    tag: &'a [u8; TAG_LEN],
    rest: &'a [u8],
    key_id: KeyId,
}

impl<'a> Metadata<'a> {
    fn split(header: &Header, bytes: &'a Bytes) -> Result<Self, RecordError> {
        if header.format != FORMAT {
            return Err(RecordError::Newer(Unknown::Format(header.format)));
        }
        let seal = bytes.get(Header::LEN..).ok_or(RecordError::Malformed)?;
        let (&[seal], rest) = seal.split_first_chunk().ok_or(RecordError::Malformed)?;
        if seal != HMAC {
            return Err(RecordError::Newer(Unknown::Seal(seal)));
        }
        let (&key_id, rest) = rest.split_first_chunk().ok_or(RecordError::Malformed)?;
        let (open, rest) = split_at(rest, header.open_len)?;
        let (closed, rest) = split_at(rest, header.closed_len)?;
        let content = &bytes[..bytes.len() - rest.len()];
        let (tag, rest) = rest.split_first_chunk().ok_or(RecordError::Malformed)?;
        let sections = Sections { open: open.into(), closed: closed.into() };
        Ok(Self { content, sections, tag, rest, key_id: KeyId::from_bytes(key_id) })
    }
}

fn split_at(bytes: &[u8], len: u32) -> Result<(&[u8], &[u8]), RecordError> {
    usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).ok_or(RecordError::Malformed)
}

fn header(
    kind: Kind,
    revision: Revision,
    public_id: PublicId,
    relative: Option<SessionKey>,
    sections: &Sections<'_>,
) -> Header {
    // Sections consist of a few fields of at most 65,535 bytes, and of fields that were read from a section.
    let (open_len, closed_len) = (sections.open.len() as u32, sections.closed.len() as u32);
    Header { kind, format: FORMAT, flags: 0, revision, public_id, relative, open_len, closed_len }
}

/// The length of an entry without its payload.
fn len(sections: &Sections<'_>) -> usize {
    Header::LEN + 1 + KeyId::LEN + sections.open.len() + sections.closed.len() + TAG_LEN
}

/// The common prefix of everything that is sealed, padded to whole blocks of SHA-256, so that it is hashed only once.
fn prefix(namespace: &Namespace) -> Vec<u8> {
    let mut prefix = b"sess/v1/record\0".to_vec();
    prefix.extend(length_of(namespace.as_str()));
    prefix.extend(namespace.as_str().as_bytes());
    prefix.resize(prefix.len().next_multiple_of(64), 0);
    prefix
}

/// A tombstone has no public id, because a session can be deleted without knowing it.
const NO_PUBLIC_ID: PublicId = PublicId::from_bytes([0; PublicId::LEN]);
/// The only version of the format so far.
const FORMAT: u8 = 1;
/// The only seal so far.
const HMAC: u8 = 1;

/// The part that a tag covers.
const METADATA: u8 = 0;
const PAYLOAD: u8 = 1;
