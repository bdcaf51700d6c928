//! Typed fields, so that a version that does not know a field can keep it.
//!
//! ```text
//! type 2 | length 2 | value
//!
//! type    bit 15: critical; bit 14: bound to the subject; bits 0-13: number
//! ```
//!
//! A node that does not know a *critical* field must not use the record. Any other unknown field is kept when the record is
//! saved, except that fields *bound to the subject* are dropped when the session gets another subject. The idea of such bits in
//! a type is that of [PNG](https://www.w3.org/TR/png-3/#5Chunk-naming-conventions).
//!
//! A number stands for one field, with the same bits and in the same section, in every version to come. Where a number of this
//! version stands otherwise, the field counts as critical and unknown: to ignore a subject, say, would be worse.

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

    /// Whether a field that is not expected where it stands forbids the use of the entry.
    pub(super) const fn is_forbidding(self) -> bool {
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
/// The numbers of this version are those from 1 to this one.
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

/// The fields of a section. `None` in the place of a field that is cut off.
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

/// Fields that this version does not know, as they stand in the two sections of a record: they are kept when it is saved.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct UnknownFields {
    pub(super) open: Vec<u8>,
    pub(super) closed: Vec<u8>,
}

/// A part of a record: fields that every reader of the store can read, and fields that encryption at rest hides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// The open one.
    Open,
    /// The closed one.
    Closed,
}

impl UnknownFields {
    /// Adds a field, whose type is as in `docs/formats.md`, as a later version would: to test what this
    /// one does about it. A value has at most 65,535 bytes.
    pub fn push(&mut self, section: Section, kind: u16, value: &[u8]) {
        let fields = match section {
            Section::Open => &mut self.open,
            Section::Closed => &mut self.closed,
        };
        put(fields, FieldType(kind), value);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.closed.len()
    }

    /// Without those that are bound to the subject, for a session that gets another one.
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
