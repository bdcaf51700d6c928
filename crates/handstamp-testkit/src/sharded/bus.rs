use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handstamp_store::{Bus, BusError, BusEvent, Bytes, FenceOutcome, Shard, Subscription};

use super::layout::{ShardLayout, part};

/// Several buses as the buses of the shards of one store.
#[derive(Debug)]
pub struct ShardedBus<B> {
    layout: ShardLayout,
    parts: Arc<BTreeMap<Shard, B>>,
}

impl<B> ShardedBus<B> {
    /// The `parts` as the buses of the shards of the layout, in order.
    ///
    /// # Panics
    ///
    /// If there are fewer parts than shards.
    #[must_use]
    pub fn new(layout: &ShardLayout, parts: impl IntoIterator<Item = B>) -> Self {
        Self { layout: layout.clone(), parts: layout.assign(parts) }
    }
}

impl<B> Clone for ShardedBus<B> {
    fn clone(&self) -> Self {
        Self { layout: self.layout.clone(), parts: self.parts.clone() }
    }
}

/// A subscription of a [`ShardedBus`].
#[derive(Debug)]
pub struct ShardedSubscription<S> {
    inner: S,
    layout: ShardLayout,
    shard: Shard,
    /// The losses of the shard that fences have reported.
    reported_losses: Arc<AtomicUsize>,
}

impl<B: Bus> Bus for ShardedBus<B> {
    type Subscription = ShardedSubscription<B::Subscription>;

    async fn subscribe(&self, shard: Shard) -> Result<Self::Subscription, BusError> {
        let reported_losses = Arc::new(AtomicUsize::new(self.layout.losses(shard)));
        let inner = part(&self.parts, shard).subscribe(Shard::ONLY).await?;
        Ok(ShardedSubscription { inner, layout: self.layout.clone(), shard, reported_losses })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        part(&self.parts, shard).publish(Shard::ONLY, message).await
    }
}

impl<S: Subscription> Subscription for ShardedSubscription<S> {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        self.inner.next().await
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        self.inner.try_next()
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let (layout, shard, reported_losses) =
            (self.layout.clone(), self.shard, self.reported_losses.clone());
        let fence = self.inner.fence();
        async move {
            let outcome = fence.await?;
            let losses = layout.losses(shard);
            let reported = reported_losses.swap(losses, Ordering::SeqCst);
            Ok(if reported == losses { outcome } else { FenceOutcome::OwnershipLost })
        }
    }
}
