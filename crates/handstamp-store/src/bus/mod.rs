mod boxed;

pub use self::boxed::{BoxBus, BoxSubscription, DynBus, DynSubscription};

use crate::{BoxError, Bytes, Shard};
use handstamp_core::id::SessionKey;

/// Carries invalidations from the store and from nodes to all nodes.
///
/// # Rules
///
/// The suite in `conformance` (a feature of that name) tests these rules; every bus has to pass it.
///
/// 1. **Messages are opaque**: any bytes, also none, up to half a kilobyte. Nodes sign them and verify them; a bus neither reads nor
///    changes them.
/// 2. **Messages may be lost, repeated and reordered.** After a loss, however, the subscription must fail: a [fence](Subscription::fence) that
///    succeeds proves that nothing was lost before it.
/// 3. **Every subscription receives every message** of its shard, also those that its own node publishes. Messages of other
///    shards may be among them.
/// 4. **A subscription is one connection.** It never reconnects by itself: when it breaks, its methods return an error, and the
///    node subscribes again.
///
/// # Untrusted input
///
/// Anyone with access to the transport may publish anything. A bus limits the memory that unread messages may take; what it
/// cannot keep is a loss.
pub trait Bus: Send + Sync + 'static {
    /// A live subscription.
    type Subscription: Subscription;

    /// Subscribes to a shard of the store. Messages that are published before this returns may be missed.
    ///
    /// # Cancel safety
    ///
    /// Safe: the attempt ends when the future is dropped.
    fn subscribe(&self, shard: Shard) -> impl Future<Output = Result<Self::Subscription, BusError>> + Send;

    /// Sends `message` to every subscription to the shard. Subscriptions to other shards may receive it, too.
    ///
    /// # Cancel safety
    ///
    /// The message may have been sent or not.
    fn publish(&self, shard: Shard, message: Bytes) -> impl Future<Output = Result<(), BusError>> + Send;
}

/// A subscription to a shard. It ends when it is dropped.
///
/// An error of any method means that messages may have been lost. The caller drops the subscription, discards what it has cached, and
/// subscribes again.
pub trait Subscription: Send + 'static {
    /// The next event, in the order of arrival.
    ///
    /// # Cancel safety
    ///
    /// Safe: no event is lost when the future is dropped.
    fn next(&mut self) -> impl Future<Output = Result<BusEvent, BusError>> + Send;

    /// The next event, if it has already arrived.
    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>>;

    /// Proves that the subscription is up to date: when the future resolves, every message whose publication was complete before this
    /// call can be taken with [`try_next`](Self::try_next). The caller sets a time limit, and may have several fences in flight.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static;
}

/// An event that a subscription receives.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BusEvent {
    /// A message, as it was published.
    Message(Bytes),
    /// The store itself reports that the record of this session was changed or removed.
    KeyChanged(SessionKey),
}

impl BusEvent {
    /// The message, if it is one.
    #[must_use]
    pub const fn message(&self) -> Option<&Bytes> {
        match self {
            Self::Message(message) => Some(message),
            Self::KeyChanged(_) => None,
        }
    }
}

/// The proof of a [fence](Subscription::fence), in addition to the arrival of every message. It is exhaustive on purpose: a node
/// has to act on each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FenceOutcome {
    /// The shard still has all sessions that it had at the fence before.
    Complete,
    /// Some sessions have moved to another shard, which publishes their invalidations now: what was cached from this shard must be
    /// discarded.
    OwnershipLost,
    /// Nothing yet: the server replies, but cannot say at present which sessions it has. The cache is kept, but not trusted.
    Pending,
}

/// The subscription or the connection for publishing broke. Messages may have been lost.
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
