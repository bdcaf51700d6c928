use bytes::BufMut;

use super::Revision;
use crate::id::{PublicId, SessionKey};

/// The beginning of every entry, in every version of the format:
///
/// ```text
///  0  magic            2    "hs": a record; "ht": a tombstone
///  2  format version   1    1
///  3  flags            1    0
///  4  revision        16    counter 8 | random bits 8
/// 20  public id       16
/// 36  relative        32    key of the predecessor (record) or of the successor (tombstone); zeros: none
/// 68  open length      4
/// 72  closed length    4
/// ```
///
/// All numbers are big-endian. Stores read only these bytes, to compare revisions and to distinguish records from tombstones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) format: u8,
    pub(super) flags: u8,
    pub(super) revision: Revision,
    pub(super) public_id: PublicId,
    pub(super) relative: Option<SessionKey>,
    pub(super) open_len: u32,
    pub(super) closed_len: u32,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Record,
    Tombstone,
}

impl Header {
    pub(super) const LEN: usize = 76;

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.put_slice(self.kind.magic());
        bytes.put_u8(self.format);
        bytes.put_u8(self.flags);
        bytes.put_slice(&self.revision.to_bytes());
        bytes.put_slice(self.public_id.as_bytes());
        bytes.put_slice(self.relative.map_or(NONE, |key| *key.as_bytes()).as_slice());
        bytes.put_u32(self.open_len);
        bytes.put_u32(self.closed_len);
    }

    /// `None` if the bytes do not begin with a valid header.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk()?;
        let kind = [Kind::Record, Kind::Tombstone].into_iter().find(|kind| kind.magic() == magic)?;
        let (&[format, flags], rest) = rest.split_first_chunk()?;
        let (&revision, rest) = rest.split_first_chunk()?;
        let (&public_id, rest) = rest.split_first_chunk()?;
        let (&relative, rest) = rest.split_first_chunk()?;
        let (&open_len, rest) = rest.split_first_chunk()?;
        let &closed_len = rest.first_chunk()?;
        (format != 0).then_some(Self {
            kind,
            format,
            flags,
            revision: Revision::from_bytes(revision),
            public_id: PublicId::from_bytes(public_id),
            relative: (relative != NONE).then_some(SessionKey::from_bytes(relative)),
            open_len: u32::from_be_bytes(open_len),
            closed_len: u32::from_be_bytes(closed_len),
        })
    }
}

impl Kind {
    const fn magic(self) -> &'static [u8; 2] {
        match self {
            Self::Record => b"hs",
            Self::Tombstone => b"ht",
        }
    }
}

/// No relative. A key of zeros only does not occur.
const NONE: [u8; SessionKey::LEN] = [0; SessionKey::LEN];
