use super::Revision;

/// What lies in the place of a record whose session has just moved to another id: by it, whoever moved the session and
/// got no answer finds out that it was done. It is no record, and is taken for none.
///
/// Its bytes are those of a record up to the revision, of a format version that does not exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark(Revision);

impl Mark {
    /// Length in bytes.
    pub const LEN: usize = HEAD.len() + Revision::LEN;

    /// A mark that nobody else leaves: `revision` must be new.
    #[must_use]
    pub const fn new(revision: Revision) -> Self {
        Self(revision)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..HEAD.len()].copy_from_slice(&HEAD);
        bytes[HEAD.len()..].copy_from_slice(&self.0.to_bytes());
        bytes
    }

    /// Whether these bytes are those of a mark.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.len() == Self::LEN && bytes.starts_with(&HEAD)
    }
}

const HEAD: [u8; 4] = *b"hs\0\0";

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::SessionKey;
    use crate::record::{Record, RecordError};

    #[test]
    fn a_mark_is_no_record() {
        let mark = Mark::new(Revision::from_bytes([7; 16])).to_bytes();
        assert_eq!(mark, *b"hs\0\0\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07");
        assert!(Mark::is_one(&mark));
        assert!(!Mark::is_one(&mark[..19]) && !Mark::is_one(b"hs\x01\x00") && !Mark::is_one(b""));
        assert_eq!(mark[Record::REVISION_RANGE], [7; 16]);
        let key = SessionKey::from_bytes([1; 32]);
        let read = Record::decode(Bytes::copy_from_slice(&mark), &key);
        assert_eq!(read, Err(RecordError::Malformed));
    }
}
