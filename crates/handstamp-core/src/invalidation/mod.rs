//! The messages by which nodes invalidate each other's cached copies.
//!
//! An [`InvalidationCodec`] signs and encodes an [`Invalidation`]; a node that shares a secret with the sender decodes it to an
//! [`InvalidationMessage`]. A message can only invalidate, never add: it names what to drop, and carries hashes, never an id
//! or data.

mod codec;
mod error;
mod node_id;
#[cfg(test)]
mod tests;

pub use self::codec::InvalidationCodec;
pub use self::error::MessageError;
pub use self::node_id::{InvalidNodeId, NodeId};

use crate::id::SessionKey;
use crate::record::Revision;
use crate::time::Timestamp;

/// Which cached copies are no longer valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Invalidation {
    /// All of them.
    CacheClear,
    /// Every copy of this session: it was deleted.
    SessionDeleted(SessionKey),
    /// Every copy of this session: it has moved to another id.
    SessionMoved(SessionKey),
    /// Copies of this session, except for this revision and later ones.
    SessionInvalidated(SessionKey, Revision),
}

impl Invalidation {
    /// The session that it names, and the revision whose copies and those of later ones are still valid. `None` for a clear.
    #[must_use]
    pub fn session(&self) -> Option<(SessionKey, Option<Revision>)> {
        match *self {
            Self::CacheClear => None,
            Self::SessionDeleted(key) | Self::SessionMoved(key) => Some((key, None)),
            Self::SessionInvalidated(key, saved) => Some((key, Some(saved))),
        }
    }
}

/// An invalidation that was received, with its sender.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidationMessage {
    /// Which copies are no longer valid.
    pub invalidation: Invalidation,
    /// The node that sent it.
    pub node: NodeId,
    /// When it was sent, by the sender's clock.
    pub sent_at: Timestamp,
}
