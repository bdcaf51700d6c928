use std::future::ready;

use tokio::sync::broadcast::{self, error::TryRecvError};

use crate::{Bus, BusError, BusEvent, Bytes, FenceOutcome, Shard, Subscription};

/// A bus within one process. Clones are the same bus.
#[derive(Clone, Debug)]
pub struct MemoryBus(broadcast::Sender<Bytes>);

impl MemoryBus {
    /// A bus without subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// [`publish`](Bus::publish) that needs no `await`.
    pub(super) fn send(&self, message: Bytes) {
        // An error means that there is no subscription.
        let _ = self.0.send(message);
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for MemoryBus {
    type Subscription = MemorySubscription;

    async fn subscribe(&self, _shard: Shard) -> Result<MemorySubscription, BusError> {
        Ok(MemorySubscription(self.0.subscribe()))
    }

    async fn publish(&self, _shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.send(message);
        Ok(())
    }
}

/// A subscription to a [`MemoryBus`].
#[derive(Debug)]
pub struct MemorySubscription(broadcast::Receiver<Bytes>);

impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        self.0.recv().await.map(BusEvent::Message).map_err(BusError::new)
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        match self.0.try_recv() {
            Ok(message) => Some(Ok(BusEvent::Message(message))),
            Err(TryRecvError::Empty) => None,
            Err(lost) => Some(Err(BusError::new(lost))),
        }
    }

    /// A message is in the channel before its publication is complete.
    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        ready(Ok(FenceOutcome::Complete))
    }
}

/// A subscription that is more messages behind loses the oldest ones, and its next call returns an error.
const CAPACITY: usize = 16_384;
