/// Why a message was rejected: a closed set, fit for a metric's label.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum MessageError {
    /// The tag does not match the content.
    #[error("the message is forged")]
    Forged,
    /// The bytes do not form a message.
    #[error("the message is malformed")]
    Malformed,
    /// It is longer than [`InvalidationCodec::MAX_LEN`](super::InvalidationCodec::MAX_LEN).
    #[error("the message is longer than any valid message")]
    Oversize,
    /// It is signed with a key that this node does not have, or not yet.
    #[error("the message is signed with an unknown key")]
    UnknownKey,
    /// It is authentic, and of a version or kind that this node does not know.
    #[error("the message is of an unknown version or kind")]
    UnknownVersion,
}

impl MessageError {
    /// Whether another node may have sent the message, in the middle of a deploy or a key rotation.
    ///
    /// Its content is unknown, so the only safe reaction is to clear the cache. Anyone with access to the channel can trigger
    /// that, so it has to be rate-limited.
    #[must_use]
    pub const fn may_hide_an_invalidation(self) -> bool {
        matches!(self, Self::UnknownKey | Self::UnknownVersion)
    }
}
