//! The entries of a store.
//!
//! A [`Record`] is a session at rest; a [`Tombstone`] replaces it when the session has ended or moved. A [`Sealer`] turns both
//! into an [`Entry`], the bytes in the store, and back. `docs/formats.md` describes the bytes exactly, with test vectors.

mod debug;
mod entry;
mod error;
mod fields;
mod header;
mod revision;
mod sealer;
mod seals;
mod sections;
#[cfg(test)]
mod tests;
mod tombstone;

use std::time::Duration;

use bytes::Bytes;

pub use self::entry::Entry;
pub use self::error::{RecordError, SubjectTooLong, Unknown};
pub use self::fields::{Section, UnknownFields};
pub use self::revision::Revision;
pub use self::sealer::{Opened, Sealer};
pub use self::seals::Seals;
pub use self::tombstone::Tombstone;

use crate::id::{PublicId, SessionKey};
use crate::time::Timestamp;

/// A session at rest: metadata, and the payload, which is the encoded data of the application.
///
/// `Debug` shows only the lengths of the subject and the payload.
#[derive(Clone, Eq, PartialEq)]
pub struct Record {
    /// Identifies this save.
    pub revision: Revision,
    /// The key of the record.
    pub key: SessionKey,
    /// The public id of the session.
    pub public_id: PublicId,
    /// The key of the session before its last renewal, until the record there is known to be replaced by a tombstone.
    pub predecessor: Option<SessionKey>,
    /// When the session was created. A login changes it, any other renewal does not.
    pub created_at: Timestamp,
    /// When this revision was saved. The idle time of a record without a time to live counts from here.
    pub saved_at: Timestamp,
    /// The absolute deadline. Neither activity nor a renewal extends it, except for a login.
    pub expires_at: Timestamp,
    /// The idle timeout when this revision was saved.
    pub idle_timeout: Duration,
    /// The owner of the session, if the application has set one.
    pub subject: Option<String>,
    /// How the payload is encoded.
    pub encoding: Encoding,
    /// The schema version of the payload, as defined by the application.
    pub schema: u16,
    /// The encoded data of the application.
    pub payload: Bytes,
    /// The secrets that it was sealed under. The default for a new record.
    pub seals: Seals,
    /// Fields of a later version, to be preserved.
    pub unknown_fields: UnknownFields,
}

impl Record {
    /// The longest subject in bytes.
    pub const MAX_SUBJECT_LEN: usize = u16::MAX as usize;
}

/// How a payload is encoded.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Encoding {
    /// MessagePack with field names, in serde's human-readable form: small, fast, and extensible with new fields.
    #[default]
    MessagePack,
    /// JSON, which is readable in the store.
    Json,
}

impl Encoding {
    const fn code(self) -> u8 {
        match self {
            Self::MessagePack => 0,
            Self::Json => 1,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::MessagePack),
            1 => Some(Self::Json),
            _ => None,
        }
    }
}
