use std::fmt;

use bytes::Bytes;

use super::Revision;
use super::header::{Header, Kind};
use crate::id::{PublicId, SessionKey};

/// The value of a key in the store: a sealed record or tombstone.
///
/// Stores compare its revision, and distinguish records from tombstones; only a [`Sealer`](super::Sealer) reads the rest.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    key: SessionKey,
    header: Header,
    bytes: Bytes,
}

impl Entry {
    /// The length of the header, in every version of the format.
    pub const HEADER_LEN: usize = Header::LEN;

    /// The position of the revision, in every version of the format.
    pub const REVISION_RANGE: std::ops::Range<usize> = 4..4 + Revision::LEN;

    /// The position of the relative, in every version of the format: the key of the predecessor of a record, or of the successor
    /// of a session that has moved. Zeros: there is none.
    pub const RELATIVE_RANGE: std::ops::Range<usize> = 36..36 + SessionKey::LEN;

    /// The first bytes of every tombstone; records begin differently.
    pub const TOMBSTONE_MAGIC: [u8; 2] = *b"ht";

    /// The entry made of these bytes, if they begin with a valid header. The seal is not verified.
    #[must_use]
    pub fn read(key: SessionKey, bytes: Bytes) -> Option<Self> {
        Some(Self { key, header: Header::read(&bytes)?, bytes })
    }

    pub(super) const fn new(key: SessionKey, header: Header, bytes: Bytes) -> Self {
        Self { key, header, bytes }
    }

    /// Its key in the store.
    #[must_use]
    pub const fn key(&self) -> &SessionKey {
        &self.key
    }

    /// The revision of the record or tombstone.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.header.revision
    }

    /// Whether it is a tombstone.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.header.kind == Kind::Tombstone
    }

    /// Whether it contains the predecessor of a record, or the successor of a session that has moved.
    #[must_use]
    pub const fn has_relative(&self) -> bool {
        self.header.relative.is_some()
    }

    /// The public id that the header of a record has. Only a [`Sealer`](super::Sealer) verifies it. That of a tombstone is zeros.
    #[must_use]
    pub const fn unverified_public_id(&self) -> &PublicId {
        &self.header.public_id
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }
}

/// Shows none of the data.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("header", &self.header)
            .field("len", &self.bytes.len())
            .finish()
    }
}
