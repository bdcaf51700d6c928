use bytes::Bytes;

/// An event that a subscription receives.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A key that this client has read was changed or deleted. Only with [tracking](crate::RedisConfig::tracking).
    KeyChanged(Bytes),
    /// A message on the channel.
    Message(Bytes),
}

/// The proof of a fence. It is exhaustive on purpose: a caller has to act on each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fence {
    /// All messages that the server published before are ready, and it still owns all slots that it had at the last fence.
    Complete,
    /// All messages are ready, but the server has lost slots: nothing is known of their keys.
    SlotsLost,
    /// All messages are ready, but the server is busy with a script and cannot say which slots it owns.
    Pending,
}
