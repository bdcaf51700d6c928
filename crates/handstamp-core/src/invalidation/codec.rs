//! ```text
//! version 1 | key id 1 | kind 1 | sent at 8 | node length 1 | node | body | tag 32
//!
//! kind 1  SessionDeleted        body = key 32
//! kind 2  SessionInvalidated    body = key 32 | revision 16
//! kind 3  CacheClear            no body
//! kind 4  SessionMoved          body = key 32
//!
//! tag = HMAC-SHA-256(bus key, "sess/v1/bus\0" || everything before the tag)
//! ```
//!
//! In every future version, the version comes first, the key id second and the tag last, so that a node can tell an authentic
//! message that it does not understand from a forged one.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Invalidation, InvalidationMessage, MessageError, NodeId};
use crate::id::SessionKey;
use crate::keys::{BadTag, KeyRing, MacKeys, TAG_LEN};
use crate::record::Revision;
use crate::time::Timestamp;

/// Encodes and signs the messages of a node; verifies and decodes those of all nodes.
#[derive(Clone)]
pub struct InvalidationCodec {
    pub(super) keys: MacKeys,
    node: NodeId,
}

impl InvalidationCodec {
    /// The longest accepted message, in bytes. Messages of this version have at most 182; the rest is reserved for future
    /// versions.
    pub const MAX_LEN: usize = 512;

    /// Length in bytes of the tag that ends a message, in every version.
    pub const TAG_LEN: usize = TAG_LEN;

    /// The codec of the node `node`.
    #[must_use]
    pub fn new(ring: &KeyRing, node: NodeId) -> Self {
        Self { keys: MacKeys::derive(ring, "sess/v1/bus-mac", |_| b"sess/v1/bus\0".to_vec()), node }
    }

    /// The sender named in encoded messages.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The signed message for `invalidation`.
    #[must_use]
    pub fn encode(&self, invalidation: &Invalidation, now: Timestamp) -> Bytes {
        let node = self.node.as_str().as_bytes();
        let mut message = BytesMut::with_capacity(HEADER_LEN + node.len() + MAX_BODY_LEN + TAG_LEN);
        message.put_u8(VERSION);
        message.put_u8(self.keys.current_id().short());
        message.put_u8(kind(invalidation));
        message.put_u64(now.as_millis());
        message.put_u8(u8::try_from(node.len()).unwrap_or(u8::MAX));
        message.put_slice(node);
        match invalidation {
            Invalidation::CacheClear => {}
            Invalidation::SessionDeleted(key) | Invalidation::SessionMoved(key) => {
                message.put_slice(key.as_bytes());
            }
            Invalidation::SessionInvalidated(key, revision) => {
                message.put_slice(key.as_bytes());
                message.put_slice(&revision.to_bytes());
            }
        }
        let tag = self.keys.sign(&[&message]);
        message.put_slice(&tag);
        message.freeze()
    }

    /// The content of `message`, if it was signed under a secret of the ring.
    ///
    /// # Errors
    ///
    /// For everything else; see [`MessageError::may_hide_an_invalidation`].
    pub fn decode(&self, message: &[u8]) -> Result<InvalidationMessage, MessageError> {
        if message.len() > Self::MAX_LEN {
            return Err(MessageError::Oversize);
        }
        let (content, tag) = message.split_last_chunk::<TAG_LEN>().ok_or(MessageError::Malformed)?;
        let &[version, key_id, ..] = content else {
            return Err(MessageError::Malformed);
        };
        self.keys.verify(|id| id.short() == key_id, &[content], tag).map_err(|bad| match bad {
            BadTag::Forged => MessageError::Forged,
            BadTag::UnknownKey => MessageError::UnknownKey,
        })?;
        let is_known = version == VERSION && content.get(2).is_none_or(|kind| KINDS.contains(kind));
        if !is_known {
            return Err(MessageError::UnknownVersion);
        }
        parse(&content[2..]).ok_or(MessageError::Malformed)
    }
}

impl fmt::Debug for InvalidationCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvalidationCodec").field("node", &self.node).finish_non_exhaustive()
    }
}

fn kind(invalidation: &Invalidation) -> u8 {
    match invalidation {
        Invalidation::SessionDeleted(_) => 1,
        Invalidation::SessionInvalidated(..) => 2,
        Invalidation::CacheClear => 3,
        Invalidation::SessionMoved(_) => 4,
    }
}

/// Parses everything between the key id and the tag.
fn parse(mut rest: &[u8]) -> Option<InvalidationMessage> {
    let kind = rest.try_get_u8().ok()?;
    let sent_at = Timestamp::from_millis(rest.try_get_u64().ok()?);
    let node_len = rest.try_get_u8().ok()?;
    let (node, body) = rest.split_at_checked(node_len.into())?;
    let node = NodeId::new(str::from_utf8(node).ok()?).ok()?;
    let invalidation = match (kind, body.split_first_chunk()) {
        (1, Some((key, []))) => Invalidation::SessionDeleted(SessionKey::from_bytes(*key)),
        (2, Some((key, revision))) => Invalidation::SessionInvalidated(
            SessionKey::from_bytes(*key),
            Revision::from_bytes(revision.try_into().ok()?),
        ),
        (4, Some((key, []))) => Invalidation::SessionMoved(SessionKey::from_bytes(*key)),
        (3, None) if body.is_empty() => Invalidation::CacheClear,
        _ => return None,
    };
    Some(InvalidationMessage { invalidation, node, sent_at })
}

pub(super) const VERSION: u8 = 1;
const HEADER_LEN: usize = 12;
const KINDS: std::ops::RangeInclusive<u8> = 1..=4;
const MAX_BODY_LEN: usize = SessionKey::LEN + Revision::LEN;
