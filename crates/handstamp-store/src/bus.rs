use bytes::Bytes;

use handstamp_core::id::SessionKey;

use crate::{BoxError, Shard};

/// Carries invalidations from node to node. Messages are opaque here: they are signed and checked above.
///
/// A bus may lose, repeat and reorder messages. What it must not do is lose them without a trace on a
/// subscription that keeps answering [fences](Subscription::fence).
pub trait Bus: Send + Sync + 'static {
    /// One listener.
    type Subscription: Subscription;

    /// Starts to listen to what a shard of the store tells. Messages published before this returns may be missed.
    ///
    /// # Cancel safety
    ///
    /// Safe: whatever was begun ends with the future.
    fn subscribe(&self, shard: Shard) -> impl Future<Output = Result<Self::Subscription, BusError>> + Send;

    /// Sends `message` to every subscription to the shard, those of this node included, and maybe to those to others.
    ///
    /// # Cancel safety
    ///
    /// It may have been sent or not.
    fn publish(&self, shard: Shard, message: Bytes) -> impl Future<Output = Result<(), BusError>> + Send;
}

/// A listener on the bus. Dropping it ends it.
///
/// An error from any method means that messages may have been missed: the caller drops the subscription,
/// forgets what it cached, and subscribes anew.
pub trait Subscription: Send + 'static {
    /// What is heard next, in the order of arrival.
    ///
    /// # Cancel safety
    ///
    /// Safe: no message is lost with the future.
    fn next(&mut self) -> impl Future<Output = Result<BusEvent, BusError>> + Send;

    /// What has arrived already, if there is anything.
    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>>;

    /// A proof of being up to date. Once it resolves, every message whose publication was complete before this
    /// call is there for [`try_next`](Self::try_next) to take. How long that may take is for the caller to say.
    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static;
}

/// What a subscription hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BusEvent {
    /// A message, as it was published.
    Message(Bytes),
    /// Not from a node, but from the store itself: the record of this session has changed, or is gone.
    Changed(SessionKey),
}

impl BusEvent {
    /// The message, if it is one.
    #[must_use]
    pub const fn message(&self) -> Option<&Bytes> {
        match self {
            Self::Message(message) => Some(message),
            Self::Changed(_) => None,
        }
    }
}

/// What a [fence](Subscription::fence) proves, beside that every message has arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FenceOutcome {
    /// The shard still is where all the sessions lie that lay there at the fence before.
    Complete,
    /// Some of them lie elsewhere now, and so are told of elsewhere: what is known from before must be forgotten.
    OwnershipLost,
    /// Nothing yet: the shard replies, but cannot say at present where its sessions lie, or what became of them. Nothing that
    /// is known from before has to be forgotten for that.
    Pending,
}

/// The bus broke. Messages may have been missed.
#[derive(Debug, thiserror::Error)]
#[error("the invalidation bus broke")]
pub struct BusError(#[source] BoxError);

impl BusError {
    /// An error with this cause.
    #[must_use]
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}
