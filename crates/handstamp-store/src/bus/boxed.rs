use std::fmt;
use std::sync::Arc;

use super::{Bus, BusError, BusEvent, FenceOutcome, Subscription};
use crate::{BoxFuture, Bytes, Shard};

/// A bus whose type is chosen at run time. Clones are the same bus.
#[derive(Clone)]
pub struct BoxBus(Arc<dyn DynBus>);

impl BoxBus {
    /// Boxes a bus.
    #[must_use]
    pub fn new(bus: impl Bus) -> Self {
        Self(Arc::new(bus))
    }
}

impl Bus for BoxBus {
    type Subscription = BoxSubscription;

    async fn subscribe(&self, shard: Shard) -> Result<BoxSubscription, BusError> {
        self.0.subscribe(shard).await
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.0.publish(shard, message).await
    }
}

impl fmt::Debug for BoxBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxBus").finish_non_exhaustive()
    }
}

/// A subscription of a [`BoxBus`].
pub struct BoxSubscription(Box<dyn DynSubscription>);

impl Subscription for BoxSubscription {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        self.0.next().await
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        self.0.try_next()
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        self.0.fence()
    }
}

impl fmt::Debug for BoxSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxSubscription").finish_non_exhaustive()
    }
}

/// The object-safe form of [`Bus`], which every bus has and nothing else can have. For its methods, see there.
#[expect(missing_docs, reason = "the documentation is that of the methods of the same names")]
pub trait DynBus: sealed::SealedBus + Send + Sync + 'static {
    fn subscribe(&self, shard: Shard) -> BoxFuture<'_, Result<BoxSubscription, BusError>>;

    fn publish(&self, shard: Shard, message: Bytes) -> BoxFuture<'_, Result<(), BusError>>;
}

impl<B: Bus> DynBus for B {
    fn subscribe(&self, shard: Shard) -> BoxFuture<'_, Result<BoxSubscription, BusError>> {
        Box::pin(async move { Ok(BoxSubscription(Box::new(Bus::subscribe(self, shard).await?))) })
    }

    fn publish(&self, shard: Shard, message: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(Bus::publish(self, shard, message))
    }
}

/// The object-safe form of [`Subscription`], which every subscription has and nothing else can have. For its methods, see there.
#[expect(missing_docs, reason = "the documentation is that of the methods of the same names")]
pub trait DynSubscription: sealed::SealedSubscription + Send + 'static {
    fn next(&mut self) -> BoxFuture<'_, Result<BusEvent, BusError>>;

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>>;

    fn fence(&self) -> BoxFuture<'static, Result<FenceOutcome, BusError>>;
}

impl<S: Subscription> DynSubscription for S {
    fn next(&mut self) -> BoxFuture<'_, Result<BusEvent, BusError>> {
        Box::pin(Subscription::next(self))
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        Subscription::try_next(self)
    }

    fn fence(&self) -> BoxFuture<'static, Result<FenceOutcome, BusError>> {
        Box::pin(Subscription::fence(self))
    }
}

/// Allows methods to be added to the traits of this file.
mod sealed {
    pub trait SealedBus {}

    impl<B: super::Bus> SealedBus for B {}

    pub trait SealedSubscription {}

    impl<S: super::Subscription> SealedSubscription for S {}
}
