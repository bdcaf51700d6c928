use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use super::error::{RecordError, SubjectTooLong, Unknown};
use super::fields::{self, Field, FieldType, MAX_VALUE_LEN, UnknownFields};
use super::header::Header;
use super::{Encoding, Record, Seals, Tombstone};
use crate::id::SessionKey;
use crate::keys::KeyId;
use crate::time::{Timestamp, whole_millis};

/// The two sections of fields: every reader of the store can read the *open* one, in every future version; encryption at rest
/// hides the *closed* one.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) open: Cow<'a, [u8]>,
    pub(super) closed: Cow<'a, [u8]>,
}

impl Sections<'_> {
    pub(super) fn of(record: &Record, seals: Seals) -> Result<Self, SubjectTooLong> {
        let mut open = Vec::with_capacity(OPEN_LEN + record.unknown_fields.open.len());
        for (kind, time) in [
            (FieldType::CREATED_AT, record.created_at.as_millis()),
            (FieldType::SAVED_AT, record.saved_at.as_millis()),
            (FieldType::EXPIRES_AT, record.expires_at.as_millis()),
            (FieldType::IDLE_TIMEOUT, whole_millis(record.idle_timeout)),
        ] {
            fields::put(&mut open, kind, &time.to_be_bytes());
        }
        let [schema_high, schema_low] = record.schema.to_be_bytes();
        fields::put(&mut open, FieldType::PAYLOAD, &[record.encoding.code(), schema_high, schema_low]);
        if let Some(before) = seals.before {
            fields::put(&mut open, FieldType::SEALED_BEFORE, &before.to_bytes());
        }
        open.extend_from_slice(&record.unknown_fields.open);
        let mut closed = Vec::new();
        if let Some(subject) = &record.subject {
            if subject.len() > MAX_VALUE_LEN {
                return Err(SubjectTooLong);
            }
            fields::put(&mut closed, FieldType::SUBJECT, subject.as_bytes());
        }
        closed.extend_from_slice(&record.unknown_fields.closed);
        Ok(Self { open: open.into(), closed: closed.into() })
    }

    /// Decodes the fields of a record.
    pub(super) fn record(
        &self,
        header: &Header,
        key: SessionKey,
        sealed_under: KeyId,
        payload: Bytes,
    ) -> Result<Record, RecordError> {
        let mut found = Found::default();
        let open = unknown(&self.open, |field| found.take_open(field))?;
        let closed = unknown(&self.closed, |field| found.take_closed(field))?;
        let (code, schema) = found.payload.ok_or(RecordError::Malformed)?;
        Ok(Record {
            revision: header.revision,
            key,
            public_id: header.public_id,
            predecessor: header.relative,
            created_at: found.created_at.ok_or(RecordError::Malformed)?,
            saved_at: found.saved_at.ok_or(RecordError::Malformed)?,
            expires_at: found.expires_at.ok_or(RecordError::Malformed)?,
            idle_timeout: found.idle_timeout.ok_or(RecordError::Malformed)?,
            subject: found.subject,
            encoding: Encoding::from_code(code).ok_or(RecordError::Newer(Unknown::Encoding(code)))?,
            schema,
            payload,
            seals: Seals { last: Some(sealed_under), before: found.sealed_before },
            unknown_fields: UnknownFields { open, closed },
        })
    }

    /// The sections of a tombstone.
    pub(super) fn of_tombstone(tombstone: &Tombstone) -> Self {
        let mut open = Vec::new();
        if tombstone.same_subject {
            fields::put(&mut open, FieldType::SAME_SUBJECT, &[]);
        }
        Self { open: open.into(), ..Self::default() }
    }

    /// Decodes the fields of a tombstone: whether the session still has the same subject.
    pub(super) fn same_subject(&self) -> Result<bool, RecordError> {
        let mut same_subject = None;
        unknown(&self.open, |Field { kind, value }| {
            let is_known = kind == FieldType::SAME_SUBJECT;
            if is_known {
                set(&mut same_subject, value.is_empty().then_some(()))?;
            }
            Ok(is_known)
        })?;
        unknown(&self.closed, |_| Ok(false))?;
        Ok(same_subject.is_some())
    }
}

/// Passes every field to `take`, and returns those that it does not know.
fn unknown(
    section: &[u8],
    mut take: impl FnMut(Field<'_>) -> Result<bool, RecordError>,
) -> Result<Vec<u8>, RecordError> {
    let mut unknown = Vec::new();
    for field in fields::read(section) {
        let field = field.ok_or(RecordError::Malformed)?;
        if take(field)? {
            continue;
        }
        if field.kind.must_be_understood() {
            return Err(RecordError::Newer(Unknown::Field(field.kind.number())));
        }
        fields::put(&mut unknown, field.kind, field.value);
    }
    Ok(unknown)
}

/// The known fields of a record, while it is decoded.
#[derive(Default)]
struct Found {
    created_at: Option<Timestamp>,
    saved_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    idle_timeout: Option<Duration>,
    /// Encoding and schema.
    payload: Option<(u8, u16)>,
    subject: Option<String>,
    sealed_before: Option<KeyId>,
}

impl Found {
    fn take_open(&mut self, Field { kind, value }: Field<'_>) -> Result<bool, RecordError> {
        match kind {
            FieldType::CREATED_AT => set(&mut self.created_at, timestamp(value))?,
            FieldType::SAVED_AT => set(&mut self.saved_at, timestamp(value))?,
            FieldType::EXPIRES_AT => set(&mut self.expires_at, timestamp(value))?,
            FieldType::IDLE_TIMEOUT => set(&mut self.idle_timeout, millis(value).map(Duration::from_millis))?,
            FieldType::SEALED_BEFORE => {
                set(&mut self.sealed_before, value.try_into().ok().map(KeyId::from_bytes))?;
            }
            FieldType::PAYLOAD => set(&mut self.payload, encoding_and_schema(value))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_closed(&mut self, Field { kind, value }: Field<'_>) -> Result<bool, RecordError> {
        if kind != FieldType::SUBJECT {
            return Ok(false);
        }
        set(&mut self.subject, str::from_utf8(value).ok().map(str::to_owned))?;
        Ok(true)
    }
}

/// A field occurs at most once.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), RecordError> {
    let value = value.ok_or(RecordError::Malformed)?;
    if place.replace(value).is_some() { Err(RecordError::Malformed) } else { Ok(()) }
}

fn millis(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

fn timestamp(value: &[u8]) -> Option<Timestamp> {
    millis(value).map(Timestamp::from_millis)
}

fn encoding_and_schema(value: &[u8]) -> Option<(u8, u16)> {
    let &[encoding, high, low] = value else { return None };
    Some((encoding, u16::from_be_bytes([high, low])))
}

/// The length of the known fields of the open section: four timestamps, and one field of three bytes.
const OPEN_LEN: usize = 4 * 12 + 7;
