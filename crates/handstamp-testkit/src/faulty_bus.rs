use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handstamp_store::{Bus, BusError, BusEvent, Bytes, FenceOutcome, Shard, Subscription};
use tokio::sync::watch;

/// A bus that fails on command: it disconnects subscriptions without an error, stalls like a busy server, or rejects
/// subscriptions.
#[derive(Clone, Debug)]
pub struct FaultyBus<B> {
    inner: B,
    faults: BusFaults,
}

impl<B> FaultyBus<B> {
    /// A bus around `inner`, and what controls its faults.
    #[must_use]
    pub fn new(inner: B) -> (Self, BusFaults) {
        let faults = BusFaults(Arc::new(watch::Sender::new(Mode::Working)));
        (Self { inner, faults: faults.clone() }, faults)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Working,
    Disconnecting,
    Stalled,
    Rejecting,
}

/// Controls the faults of a [`FaultyBus`]. Clones control the same bus.
#[derive(Clone, Debug)]
pub struct BusFaults(Arc<watch::Sender<Mode>>);

impl BusFaults {
    /// From now on all subscriptions, also new ones, receive neither messages nor fences, and no error either, as if the other end of
    /// the connection had vanished.
    pub fn disconnect(&self) {
        self.0.send_replace(Mode::Disconnecting);
    }

    /// From now on nothing arrives, until the bus works again: then everything does.
    pub fn stall(&self) {
        self.0.send_replace(Mode::Stalled);
    }

    /// From now on all subscriptions, also new ones, fail. Messages can be published.
    pub fn reject(&self) {
        self.0.send_replace(Mode::Rejecting);
    }

    /// From now on new subscriptions work. Those that were disconnected stay so.
    pub fn work(&self) {
        self.0.send_replace(Mode::Working);
    }
}

/// A subscription of a [`FaultyBus`].
#[derive(Debug)]
pub struct FaultySubscription<S> {
    inner: S,
    faults: watch::Receiver<Mode>,
    disconnected: Arc<AtomicBool>,
}

impl<S> FaultySubscription<S> {
    fn is_disconnected(&self) -> bool {
        if *self.faults.borrow() == Mode::Disconnecting {
            self.disconnected.store(true, Ordering::SeqCst);
        }
        self.disconnected.load(Ordering::SeqCst)
    }
}

/// Resolves when the bus is not stalled.
async fn unstalled(mut faults: watch::Receiver<Mode>) {
    // An error means that the mode cannot change any more.
    let _ = faults.wait_for(|mode| *mode != Mode::Stalled).await;
}

/// Resolves when the bus rejects subscriptions.
async fn rejected(mut faults: watch::Receiver<Mode>) -> BusError {
    let is_rejecting = faults.wait_for(|mode| *mode == Mode::Rejecting).await.is_ok();
    // Otherwise the mode cannot change any more.
    if is_rejecting {
        BusError::new("commanded to reject subscriptions")
    } else {
        std::future::pending().await
    }
}

impl<B: Bus> Bus for FaultyBus<B> {
    type Subscription = FaultySubscription<B::Subscription>;

    async fn subscribe(&self, shard: Shard) -> Result<Self::Subscription, BusError> {
        let faults = self.faults.0.subscribe();
        unstalled(faults.clone()).await;
        if *faults.borrow() == Mode::Rejecting {
            return Err(BusError::new("commanded to reject subscriptions"));
        }
        Ok(FaultySubscription {
            inner: self.inner.subscribe(shard).await?,
            faults,
            disconnected: Arc::default(),
        })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.inner.publish(shard, message).await
    }
}

impl<S: Subscription> Subscription for FaultySubscription<S> {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        unstalled(self.faults.clone()).await;
        let message = tokio::select! {
            biased;
            error = rejected(self.faults.clone()) => return Err(error),
            message = self.inner.next() => message,
        };
        if self.is_disconnected() { std::future::pending().await } else { message }
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        let stalled = *self.faults.borrow() == Mode::Stalled;
        if stalled || self.is_disconnected() { None } else { self.inner.try_next() }
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let disconnected = self.is_disconnected();
        let fence = self.inner.fence();
        let faults = self.faults.clone();
        async move {
            unstalled(faults).await;
            if disconnected { std::future::pending().await } else { fence.await }
        }
    }
}
