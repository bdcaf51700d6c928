use std::fmt;

use bytes::Bytes;

use super::Revision;
use super::header::{Header, Kind};
use crate::id::SessionKey;

/// What a store keeps under a key: a sealed record or tombstone.
///
/// Stores compare its revision, and tell a record from a tombstone; all else is for [`Sealer`](super::Sealer) to read.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    key: SessionKey,
    header: Header,
    bytes: Bytes,
}

impl Entry {
    /// The length of what begins every entry, in every version of the format. Fewer bytes are no entry.
    pub const HEADER_LEN: usize = Header::LEN;

    /// Where the revision stands in the bytes, in every version of the format.
    pub const REVISION_RANGE: std::ops::Range<usize> = 4..4 + Revision::LEN;

    /// Where the relative stands in the bytes: the key of the predecessor of a record, or of the successor of a session that has
    /// moved. Zeros: there is none.
    pub const RELATIVE_RANGE: std::ops::Range<usize> = 36..36 + SessionKey::LEN;

    /// The first bytes of every tombstone, and of no record.
    pub const TOMBSTONE_MAGIC: [u8; 2] = *b"ht";

    /// The entry that consists of these bytes, if they begin as those of an entry do. They are not verified.
    #[must_use]
    pub fn read(key: SessionKey, bytes: Bytes) -> Option<Self> {
        Some(Self { key, header: Header::read(&bytes)?, bytes })
    }

    pub(super) const fn new(key: SessionKey, header: Header, bytes: Bytes) -> Self {
        Self { key, header, bytes }
    }

    /// The key that it lies under.
    #[must_use]
    pub const fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Which save of the record this is.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.header.revision
    }

    /// Whether it is a tombstone.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.header.kind == Kind::Tombstone
    }

    /// Whether it names the predecessor of a record, or the successor of a session that has moved.
    #[must_use]
    pub const fn has_relative(&self) -> bool {
        self.header.relative.is_some()
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
