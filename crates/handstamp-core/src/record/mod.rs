//! What a store keeps of a session.
//!
//! A [`Record`] holds a session, a [`Tombstone`] marks the place of one that has ended or moved. A [`Sealer`] turns both into an [`Entry`], which is
//! what stores keep, and back. The bytes are described exactly, with test vectors, in `docs/formats.md`.

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

/// A session at rest: its metadata, and the payload, which is the data of the application.
///
/// `Debug` shows neither the subject nor the payload, only their lengths.
#[derive(Clone, Eq, PartialEq)]
pub struct Record {
    /// Which save this is.
    pub revision: Revision,
    /// The key that the record lies under.
    pub key: SessionKey,
    /// The session's public name.
    pub public_id: PublicId,
    /// The key that the session had before it got another id, until the record there is known to be retired.
    pub predecessor: Option<SessionKey>,
    /// When the session began. A renewal does not change it, unless it is a login.
    pub created_at: Timestamp,
    /// When this revision was saved. A record without a time to live counts its idle time from here.
    pub saved_at: Timestamp,
    /// The absolute deadline. Neither activity nor a renewal moves it, unless it is a login.
    pub expires_at: Timestamp,
    /// The idle timeout when this revision was saved.
    pub idle_timeout: Duration,
    /// The owner of the session, if the application has named one.
    pub subject: Option<String>,
    /// How the payload is encoded.
    pub encoding: Encoding,
    /// The schema version of the payload, counted by the application.
    pub schema: u16,
    /// The application's data.
    pub payload: Bytes,
    /// Under which secrets it has been sealed. The default for a new record.
    pub seals: Seals,
    /// Fields of a later version, to be kept.
    pub unknown_fields: UnknownFields,
}

impl Record {
    /// The longest subject in bytes.
    pub const MAX_SUBJECT_LEN: usize = u16::MAX as usize;
}

/// How a payload is encoded.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// MessagePack with field names, in serde's human-readable form: small, fast, and open to added fields.
    #[default]
    MessagePack,
    /// JSON, for people who read their store by hand.
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
