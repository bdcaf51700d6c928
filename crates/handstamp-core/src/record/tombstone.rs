use super::Revision;
use crate::id::SessionKey;

/// Replaces the record of a session that has ended, or has moved to another id, for some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tombstone {
    /// The key of the session.
    pub key: SessionKey,
    /// Different for each tombstone, so that a node that repeats a step recognizes its own.
    pub revision: Revision,
    /// The new key of a session that has moved; `None` if it has ended.
    pub successor: Option<SessionKey>,
    /// Whether the session is known to have the same subject under the new key.
    pub same_subject: bool,
}
