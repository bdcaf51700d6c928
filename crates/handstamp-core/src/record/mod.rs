//! What a store keeps of a session.

mod codec;
mod mark;
mod revision;
mod show;

use bytes::Bytes;

pub use self::codec::{RecordError, SubjectTooLong};
pub use self::mark::Mark;
pub use self::revision::Revision;

use crate::id::{Handle, SessionKey};
use crate::time::Timestamp;

/// A session at rest: what the layer must know of it, and the payload that the application keeps in it.
///
/// [`encode`](Self::encode) and [`decode`](Self::decode) give it its bytes. `Debug` shows neither the subject nor the
/// payload, only how long they are.
#[derive(Clone, Eq, PartialEq)]
pub struct Record {
    /// Which save this is.
    pub revision: Revision,
    /// The hash of the session's id, which is also the key that the record lies under.
    pub key: SessionKey,
    /// The session's public name.
    pub handle: Handle,
    /// When the session began. Renewing does not change it.
    pub created_at: Timestamp,
    /// When this revision was saved. A record that has lost its time to live counts its idle time from here.
    pub saved_at: Timestamp,
    /// The absolute deadline. Neither activity nor renewing moves it.
    pub expires_at: Timestamp,
    /// Whose session it is, if the application said so.
    pub subject: Option<String>,
    /// How the payload is encoded.
    pub encoding: Encoding,
    /// The schema version of the payload, counted by the application.
    pub schema: u16,
    /// The application's data.
    pub payload: Bytes,
}

/// How a payload is encoded.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// MessagePack with field names: small, fast, and open to added fields.
    #[default]
    MessagePack,
    /// JSON, for people who read their store by hand.
    Json,
}
