use bytes::{Buf, BufMut, Bytes};

use super::{Encoding, Record, Revision};
use crate::id::{Handle, SessionKey};
use crate::time::Timestamp;

/// The record's bytes:
///
/// ```text
///  0  magic            2    "hs"
///  2  format version   1    1
///  3  flags            1    bits 0-1: encoding of the payload (0 MessagePack, 1 JSON); the rest 0
///  4  revision        16    counter 8 | random bits 8
/// 20  key             32    hash of the session's id
/// 52  handle          16
/// 68  schema           2
/// 70  created at       8    milliseconds since the Unix epoch
/// 78  saved at         8    likewise
/// 86  expires at       8    likewise
/// 94  subject length   2    0: no subject
/// 96  subject, UTF-8
///     payload, to the end
/// ```
///
/// All numbers are big-endian. In every version to come, magic, version and revision keep their places: stores
/// compare revisions without decoding, and a node must know a newer format when it sees one.
impl Record {
    /// The only format version that there is.
    pub const FORMAT: u8 = 1;

    /// Where the revision stands in the bytes of a record, in every version of the format.
    pub const REVISION_RANGE: std::ops::Range<usize> = 4..4 + Revision::LEN;

    /// The longest subject in bytes.
    pub const MAX_SUBJECT_LEN: usize = u16::MAX as usize;

    /// The record's bytes.
    ///
    /// # Errors
    ///
    /// When the subject is longer than 65,535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, SubjectTooLong> {
        let subject = self.subject.as_deref().unwrap_or_default();
        let subject_len = u16::try_from(subject.len()).map_err(|_| SubjectTooLong)?;
        let mut bytes = Vec::with_capacity(FIXED_LEN + subject.len() + self.payload.len());
        bytes.put_slice(&MAGIC);
        bytes.put_u8(Self::FORMAT);
        bytes.put_u8(self.encoding.flag());
        bytes.put_slice(&self.revision.to_bytes());
        bytes.put_slice(self.key.as_bytes());
        bytes.put_slice(self.handle.as_bytes());
        bytes.put_u16(self.schema);
        bytes.put_u64(self.created_at.as_millis());
        bytes.put_u64(self.saved_at.as_millis());
        bytes.put_u64(self.expires_at.as_millis());
        bytes.put_u16(subject_len);
        bytes.put_slice(subject.as_bytes());
        bytes.put_slice(&self.payload);
        Ok(bytes)
    }

    /// The record in `bytes`, which the store gave for `key`.
    ///
    /// # Errors
    ///
    /// When the bytes are no record, are one of a newer format, or belong to another key.
    pub fn decode(bytes: Bytes, key: &SessionKey) -> Result<Self, RecordError> {
        let mut rest = bytes;
        if array(&mut rest)? != MAGIC {
            return Err(RecordError::Malformed);
        }
        let format = rest.try_get_u8()?;
        if format > Self::FORMAT {
            return Err(RecordError::NewerFormat { format });
        }
        if format == 0 {
            return Err(RecordError::Malformed);
        }
        let encoding = Encoding::from_flag(rest.try_get_u8()?).ok_or(RecordError::Malformed)?;
        let revision = Revision::from_bytes(array(&mut rest)?);
        let stored_key = SessionKey::from_bytes(array(&mut rest)?);
        if stored_key != *key {
            return Err(RecordError::Misdirected);
        }
        let handle = Handle::from_bytes(array(&mut rest)?);
        let schema = rest.try_get_u16()?;
        let created_at = Timestamp::from_millis(rest.try_get_u64()?);
        let saved_at = Timestamp::from_millis(rest.try_get_u64()?);
        let expires_at = Timestamp::from_millis(rest.try_get_u64()?);
        let subject_len = usize::from(rest.try_get_u16()?);
        if subject_len > rest.len() {
            return Err(RecordError::Malformed);
        }
        let subject =
            String::from_utf8(rest.split_to(subject_len).into()).map_err(|_| RecordError::Malformed)?;
        let subject = Some(subject).filter(|subject| !subject.is_empty());
        Ok(Self {
            revision,
            key: *key,
            handle,
            created_at,
            saved_at,
            expires_at,
            subject,
            encoding,
            schema,
            payload: rest,
        })
    }
}

/// The bytes cannot be taken for the record that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// They are no record.
    #[error("the stored bytes are no session record")]
    Malformed,
    /// They are a record of another session. A reply that went astray, or somebody moved it: never hand it out.
    #[error("the stored record belongs to another session")]
    Misdirected,
    /// A newer version of this library wrote them. They must not be overwritten.
    #[error("the stored record has format {format}, which is newer than this version of the library")]
    NewerFormat {
        /// Its format version.
        format: u8,
    },
}

impl From<bytes::TryGetError> for RecordError {
    fn from(_: bytes::TryGetError) -> Self {
        Self::Malformed
    }
}

/// A subject can have at most 65,535 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the session's subject is longer than 65,535 bytes")]
pub struct SubjectTooLong;

impl Encoding {
    const fn flag(self) -> u8 {
        match self {
            Self::MessagePack => 0,
            Self::Json => 1,
        }
    }

    const fn from_flag(flags: u8) -> Option<Self> {
        match flags {
            0 => Some(Self::MessagePack),
            1 => Some(Self::Json),
            _ => None,
        }
    }
}

const MAGIC: [u8; 2] = *b"hs";

/// Everything before the subject.
const FIXED_LEN: usize = 96;

fn array<const N: usize>(bytes: &mut Bytes) -> Result<[u8; N], RecordError> {
    let mut array = [0; N];
    bytes.try_copy_to_slice(&mut array)?;
    Ok(array)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        Record {
            revision: Revision::from_bytes([1; 16]),
            key: SessionKey::from_bytes([2; 32]),
            handle: Handle::from_bytes([3; 16]),
            created_at: Timestamp::from_millis(1_700_000_000_000),
            saved_at: Timestamp::from_millis(1_700_000_300_000),
            expires_at: Timestamp::from_millis(1_700_086_400_000),
            subject: Some("ada".to_owned()),
            encoding: Encoding::MessagePack,
            schema: 7,
            payload: Bytes::from_static(b"payload"),
        }
    }

    fn decode(bytes: Vec<u8>) -> Result<Record, RecordError> {
        Record::decode(bytes.into(), &record().key)
    }

    #[test]
    fn records_survive_the_round_trip() {
        let without_subject =
            Record { subject: None, encoding: Encoding::Json, payload: Bytes::new(), ..record() };
        for record in [record(), without_subject] {
            assert_eq!(decode(record.encode().unwrap()), Ok(record));
        }
    }

    /// Other versions of the library read these bytes.
    #[test]
    fn the_layout_never_changes() {
        let mut expected = b"hs\x01\x00".to_vec();
        expected.extend([1; 16]);
        expected.extend([2; 32]);
        expected.extend([3; 16]);
        expected.extend([0, 7]);
        expected.extend(1_700_000_000_000_u64.to_be_bytes());
        expected.extend(1_700_000_300_000_u64.to_be_bytes());
        expected.extend(1_700_086_400_000_u64.to_be_bytes());
        expected.extend([0, 3]);
        expected.extend(b"adapayload");
        let encoded = record().encode().unwrap();
        assert_eq!(encoded, expected);
        assert_eq!(encoded[Record::REVISION_RANGE], record().revision.to_bytes());
    }

    #[test]
    fn a_record_of_another_session_is_refused() {
        let bytes = record().encode().unwrap();
        let other = SessionKey::from_bytes([9; 32]);
        assert_eq!(Record::decode(bytes.into(), &other), Err(RecordError::Misdirected));
    }

    #[test]
    fn a_newer_format_is_told_apart_from_garbage() {
        let mut bytes = record().encode().unwrap();
        bytes[2] = 2;
        assert_eq!(decode(bytes), Err(RecordError::NewerFormat { format: 2 }));
        assert_eq!(decode(br#"{"username": "ada"}"#.to_vec()), Err(RecordError::Malformed));
        assert_eq!(decode(vec![]), Err(RecordError::Malformed));
    }

    #[test]
    fn unknown_flags_and_overlong_subjects_are_refused() {
        let mut bytes = record().encode().unwrap();
        bytes[3] = 4;
        assert_eq!(decode(bytes), Err(RecordError::Malformed));
        let mut bytes = record().encode().unwrap();
        bytes[94] = 0xff;
        assert_eq!(decode(bytes), Err(RecordError::Malformed));
        let subject = Some("x".repeat(Record::MAX_SUBJECT_LEN + 1));
        assert_eq!(Record { subject, ..record() }.encode(), Err(SubjectTooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(bytes);
        }

        #[test]
        fn every_cut_is_an_error(cut in 0..FIXED_LEN + 3) {
            prop_assert!(decode(record().encode().unwrap()[..cut].to_vec()).is_err());
        }
    }
}
