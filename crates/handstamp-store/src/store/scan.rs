use crate::{Bytes, Stored};

/// A position in a [scan](crate::Store::scan): bytes that only the store understands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ScanCursor(Bytes);

impl ScanCursor {
    /// The beginning.
    pub const START: Self = Self(Bytes::new());

    /// The position that the store describes with these bytes. Without any, it is the [beginning](Self::START).
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

/// A part of the entries of a shard.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScanPage {
    /// Entries, in any order.
    pub entries: Vec<Stored>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<ScanCursor>,
}

impl ScanPage {
    /// A page, and where the next one begins.
    #[must_use]
    pub const fn new(entries: Vec<Stored>, next: Option<ScanCursor>) -> Self {
        Self { entries, next }
    }
}
