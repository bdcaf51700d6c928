use super::Revision;
use crate::id::SessionKey;

/// What a session that has ended, or has moved to another id, leaves in its place for a while.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tombstone {
    /// The key of that session.
    pub key: SessionKey,
    /// New for each tombstone, so that a node that repeats a step recognizes its own.
    pub revision: Revision,
    /// Where the session has moved to; `None` if it has ended.
    pub successor: Option<SessionKey>,
    /// Whether it is known to have the same subject there as before.
    pub same_subject: bool,
}
