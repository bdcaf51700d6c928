//! The messages by which nodes tell each other to forget.
//!
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
//! A message can only take trust away: it names what to forget, and carries hashes, never an id or data. In
//! every version to come the version stands first, the key id second and the tag last, so that a node can tell
//! an authentic message that it does not understand from a forged one.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::id::SessionKey;
use crate::keys::{BadTag, KeyRing, MacKeys, TAG_LEN};
use crate::record::Revision;
use crate::time::Timestamp;

/// What to forget.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Invalidation {
    /// Everything.
    CacheClear,
    /// This session, for ever.
    SessionDeleted(SessionKey),
    /// This session, for ever: it has moved to another id.
    SessionMoved(SessionKey),
    /// This session, unless it is this revision or a later one.
    SessionInvalidated(SessionKey, Revision),
}

/// An invalidation as it came over the bus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidationMessage {
    /// What to forget.
    pub invalidation: Invalidation,
    /// Who says so.
    pub node: NodeId,
    /// When it was sent, by the sender's clock.
    pub sent_at: Timestamp,
}

/// Writes and reads the messages of a node.
#[derive(Clone)]
pub struct Messenger {
    keys: MacKeys,
    node: NodeId,
}

impl Messenger {
    /// The longest message that is looked at, in bytes. Today's have 182 at most; the rest is for those to come.
    pub const MAX_LEN: usize = 512;

    /// How many bytes at the end of a message, of whatever version, are its tag.
    pub const TAG_LEN: usize = TAG_LEN;

    /// The messenger of the node called `node`.
    #[must_use]
    pub fn new(ring: &KeyRing, node: NodeId) -> Self {
        Self { keys: MacKeys::derive(ring, "sess/v1/bus-mac", |_| b"sess/v1/bus\0".to_vec()), node }
    }

    /// Who sends.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The message that says `invalidation`.
    #[must_use]
    pub fn write(&self, invalidation: &Invalidation, now: Timestamp) -> Bytes {
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

    /// What `message` says, if a node that shares a secret with us sent it.
    ///
    /// # Errors
    ///
    /// For everything else; see [`MessageError::may_hide_an_invalidation`].
    pub fn read(&self, message: &[u8]) -> Result<InvalidationMessage, MessageError> {
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

impl fmt::Debug for Messenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messenger").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Why a message was not understood: a closed set, fit for a metric's label.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum MessageError {
    /// The tag does not belong to the rest.
    #[error("the message is forged")]
    Forged,
    /// It is no message.
    #[error("the message is malformed")]
    Malformed,
    /// It is longer than any message.
    #[error("the message is longer than any message")]
    Oversize,
    /// It is signed with a key that this node does not have, or not yet.
    #[error("the message is signed with an unknown key")]
    UnknownKey,
    /// It is authentic, and of a version or kind that this node does not know.
    #[error("the message is of an unknown version or kind")]
    UnknownVersion,
}

impl MessageError {
    /// Whether a node of ours may have sent it, in the middle of a deploy or a key rotation. Then it may have
    /// said anything, and only forgetting everything is safe. Whoever can publish can cause that, so it must
    /// be bounded in rate.
    #[must_use]
    pub const fn may_hide_an_invalidation(self) -> bool {
        matches!(self, Self::UnknownKey | Self::UnknownVersion)
    }
}

/// The name of a node, for people: in messages, logs and answers.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 90;

    /// The node of this name.
    ///
    /// # Errors
    ///
    /// Unless the name is 1 to 90 visible ASCII characters.
    pub fn new(name: &str) -> Result<Self, InvalidNodeId> {
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(InvalidNodeId);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no node id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a node id is 1 to 90 visible ASCII characters")]
pub struct InvalidNodeId;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 12;
const KINDS: std::ops::RangeInclusive<u8> = 1..=4;
const MAX_BODY_LEN: usize = SessionKey::LEN + Revision::LEN;

fn kind(invalidation: &Invalidation) -> u8 {
    match invalidation {
        Invalidation::SessionDeleted(_) => 1,
        Invalidation::SessionInvalidated(..) => 2,
        Invalidation::CacheClear => 3,
        Invalidation::SessionMoved(_) => 4,
    }
}

/// Everything behind the key id.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Namespace;
    use crate::keys::Secret;

    const OLD: &str = "old";
    const NEW: &str = "new";
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn messenger(namespace: &str, secrets: &[&str]) -> Messenger {
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::unchecked(text)).collect();
        let ring = KeyRing::new(Namespace::new(namespace).unwrap(), &secrets).unwrap();
        Messenger::new(&ring, NodeId::new("node-1").unwrap())
    }

    fn deleted() -> Invalidation {
        Invalidation::SessionDeleted(SessionKey::from_bytes([1; 32]))
    }

    #[test]
    fn messages_survive_the_round_trip() {
        let messenger = messenger("shop", &[NEW]);
        let saved =
            Invalidation::SessionInvalidated(SessionKey::from_bytes([1; 32]), Revision::from_bytes([2; 16]));
        let moved = Invalidation::SessionMoved(SessionKey::from_bytes([1; 32]));
        for invalidation in [deleted(), moved, saved, Invalidation::CacheClear] {
            let message = messenger.write(&invalidation, NOW);
            let invalidation =
                InvalidationMessage { invalidation, node: messenger.node().clone(), sent_at: NOW };
            assert_eq!(messenger.read(&message), Ok(invalidation));
            assert!(message.len() <= Messenger::MAX_LEN);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let messenger = messenger("shop", &[NEW]);
        let message = messenger.write(&deleted(), NOW);
        for bit in 0..message.len() * 8 {
            let mut forged = message.to_vec();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(messenger.read(&forged).is_err(), "bit {bit} may be flipped");
        }
    }

    #[test]
    fn messages_cross_a_key_rotation_but_not_a_namespace() {
        let message = messenger("shop", &[OLD]).write(&deleted(), NOW);
        assert!(messenger("shop", &[NEW, OLD]).read(&message).is_ok());
        assert_eq!(messenger("shop", &[NEW]).read(&message), Err(MessageError::UnknownKey));
        assert!(messenger("blog", &[OLD]).read(&message).is_err());
    }

    #[test]
    fn k7_2_only_what_may_be_ours_counts_as_a_gap() {
        let messenger = messenger("shop", &[NEW]);
        // K7.2: the version, and the kind.
        for (position, later) in [(0, 2), (2, 5), (2, 0)] {
            let mut newer = messenger.write(&deleted(), NOW).to_vec();
            newer.truncate(newer.len() - TAG_LEN);
            newer[position] = later;
            newer.extend(messenger.keys.sign(&[&newer]));
            assert_eq!(messenger.read(&newer), Err(MessageError::UnknownVersion));
        }
        assert!(MessageError::UnknownVersion.may_hide_an_invalidation());
        assert!(MessageError::UnknownKey.may_hide_an_invalidation());

        for (message, reason) in [
            (vec![0; Messenger::MAX_LEN + 1], MessageError::Oversize),
            (b"CLEAR".to_vec(), MessageError::Malformed),
            (vec![0; TAG_LEN], MessageError::Malformed),
        ] {
            assert_eq!(messenger.read(&message), Err(reason));
            assert!(!reason.may_hide_an_invalidation());
        }
        assert!(!MessageError::Forged.may_hide_an_invalidation());
    }

    #[test]
    fn node_ids_are_checked() {
        for name in ["", "two words", "näher", &"x".repeat(91)] {
            assert_eq!(NodeId::new(name), Err(InvalidNodeId), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(content in proptest::collection::vec(any::<u8>(), 0..200)) {
            let messenger = messenger("shop", &[NEW]);
            prop_assert!(messenger.read(&content).is_err());
            let mut authentic = vec![VERSION, messenger.keys.current_id().short()];
            authentic.extend(content);
            authentic.extend(messenger.keys.sign(&[&authentic]));
            let _ = messenger.read(&authentic);
        }
    }
}
