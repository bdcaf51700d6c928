//! Typed fields, which a version that does not know them can still preserve.
//!
//! ```text
//! type 2 | length 2 | value
//!
//! type    bit 15: critical; bit 14: bound to the subject; bits 0-13: number
//! ```
//!
//! A node that does not know a *critical* field must not use the record. Other unknown fields are preserved when the record is
//! saved, except that fields *bound to the subject* are dropped when the session gets another subject. The idea of such type
//! bits comes from [PNG](https://www.w3.org/TR/png-3/#5Chunk-naming-conventions).
//!
//! In every future version, a number denotes the same field, with the same bits and in the same section. A known number with
//! other bits or in another section counts as an unknown critical field, because it would be worse to ignore, for example, a
//! subject.

use std::fmt;

use bytes::BufMut;

/// The type of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct FieldType(u16);

impl FieldType {
    pub(super) const CREATED_AT: Self = Self::critical(1);
    pub(super) const SAVED_AT: Self = Self::critical(2);
    pub(super) const EXPIRES_AT: Self = Self::critical(3);
    pub(super) const IDLE_TIMEOUT: Self = Self::critical(4);
    pub(super) const PAYLOAD: Self = Self::critical(5);
    pub(super) const SUBJECT: Self = Self(Self::critical(6).0 | BOUND);
    pub(super) const SEALED_BEFORE: Self = Self(7);
    pub(super) const SAME_SUBJECT: Self = Self(8);

    const fn critical(number: u16) -> Self {
        Self(CRITICAL | number)
    }

    #[cfg(test)]
    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Whether an unexpected field of this type makes the entry unusable.
    pub(super) const fn must_be_understood(self) -> bool {
        self.0 & CRITICAL != 0 || matches!(self.number(), 1..=LAST_NUMBER)
    }

    const fn is_bound_to_subject(self) -> bool {
        self.0 & BOUND != 0
    }

    pub(super) const fn number(self) -> u16 {
        self.0 & !(CRITICAL | BOUND)
    }
}

const CRITICAL: u16 = 1 << 15;
const BOUND: u16 = 1 << 14;
/// This version knows the numbers from 1 to this one.
const LAST_NUMBER: u16 = FieldType::SAME_SUBJECT.number();

/// A field of a section.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) kind: FieldType,
    pub(super) value: &'a [u8],
}

/// The longest value in bytes.
pub(super) const MAX_VALUE_LEN: usize = u16::MAX as usize;

/// Appends a field. The value has at most [`MAX_VALUE_LEN`] bytes.
pub(super) fn put(section: &mut Vec<u8>, kind: FieldType, value: &[u8]) {
    debug_assert!(value.len() <= MAX_VALUE_LEN);
    section.put_u16(kind.0);
    section.put_u16(value.len() as u16);
    section.put_slice(value);
}

/// The fields of a section; the last item is `None` if the last field is truncated.
pub(super) fn read(section: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = section;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = split_field(rest);
        rest = field.map_or(&[], |(_, rest)| rest);
        Some(field.map(|(field, _)| field))
    })
}

fn split_field(section: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (&kind, rest) = section.split_first_chunk()?;
    let (&len, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes(len).into())?;
    Some((Field { kind: FieldType(u16::from_be_bytes(kind)), value }, rest))
}

/// Fields of a record that this version does not know, by section. They are preserved when the record is saved.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct UnknownFields {
    pub(super) open: Vec<u8>,
    pub(super) closed: Vec<u8>,
}

/// A group of fields of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// Fields that every reader of the store can read.
    Open,
    /// Fields that encryption at rest hides.
    Closed,
}

impl UnknownFields {
    /// Adds a field as a later version would, to test how this version handles it. The types are described in
    /// `docs/formats.md`; a value has at most 65,535 bytes.
    pub fn push(&mut self, section: Section, kind: u16, value: &[u8]) {
        let fields = match section {
            Section::Open => &mut self.open,
            Section::Closed => &mut self.closed,
        };
        put(fields, FieldType(kind), value);
    }

    /// Whether there are no unknown fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.closed.len()
    }

    /// A copy without the fields that are bound to the subject, for a session that gets another subject.
    #[must_use]
    pub fn without_bound_to_subject(&self) -> Self {
        Self { open: unbound(&self.open), closed: unbound(&self.closed) }
    }
}

fn unbound(section: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for field in read(section).flatten().filter(|field| !field.kind.is_bound_to_subject()) {
        put(&mut kept, field.kind, field.value);
    }
    kept
}

/// Shows no values.
impl fmt::Debug for UnknownFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownFields({} bytes)", self.len())
    }
}
