use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use handstamp_store::{Bus, BusError, BusEvent, FenceOutcome, Shard, Subscription};
use tokio::sync::watch;

/// A bus that can go deaf on command: its subscriptions get no more messages and no fences, and no error either,
/// like a connection whose other end has vanished. It can also stand still, like a server that is busy with something else,
/// or refuse subscriptions. Otherwise it is the one inside.
#[derive(Clone, Debug)]
pub struct DeafBus<B> {
    inner: B,
    ears: Ears,
}

impl<B> DeafBus<B> {
    /// `inner`, with the handle that it goes deaf by.
    #[must_use]
    pub fn new(inner: B) -> (Self, Ears) {
        let ears = Ears(Arc::new(watch::Sender::new(Hearing::Open)));
        (Self { inner, ears: ears.clone() }, ears)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hearing {
    Open,
    Deaf,
    Stalled,
    Refused,
}

/// Commands whether a [`DeafBus`] hears.
#[derive(Clone, Debug)]
pub struct Ears(Arc<watch::Sender<Hearing>>);

impl Ears {
    /// From now on no subscription hears anything, those to come included.
    pub fn close(&self) {
        self.0.send_replace(Hearing::Deaf);
    }

    /// From now on nothing arrives, until the bus is opened again: then all of it does.
    pub fn stall(&self) {
        self.0.send_replace(Hearing::Stalled);
    }

    /// From now on every subscription ends with an error, and there are no new ones. Messages can be published.
    pub fn refuse(&self) {
        self.0.send_replace(Hearing::Refused);
    }

    /// From now on subscriptions hear again. Those that went deaf have lost what came in between, and stay deaf.
    pub fn open(&self) {
        self.0.send_replace(Hearing::Open);
    }
}

/// A subscription of a [`DeafBus`].
#[derive(Debug)]
pub struct DeafSubscription<S> {
    inner: S,
    ears: watch::Receiver<Hearing>,
    deafened: Arc<AtomicBool>,
}

impl<S> DeafSubscription<S> {
    fn is_deaf(&self) -> bool {
        if *self.ears.borrow() == Hearing::Deaf {
            self.deafened.store(true, Ordering::SeqCst);
        }
        self.deafened.load(Ordering::SeqCst)
    }
}

/// Resolves when the bus does not stand still.
async fn moving(mut ears: watch::Receiver<Hearing>) {
    // An error means that it will not change any more.
    let _ = ears.wait_for(|hearing| *hearing != Hearing::Stalled).await;
}

/// Resolves when the bus refuses subscriptions.
async fn refused(mut ears: watch::Receiver<Hearing>) -> BusError {
    let is_refused = ears.wait_for(|hearing| *hearing == Hearing::Refused).await.is_ok();
    // Otherwise it will not change any more.
    if is_refused { BusError::new("told to refuse") } else { std::future::pending().await }
}

impl<B: Bus> Bus for DeafBus<B> {
    type Subscription = DeafSubscription<B::Subscription>;

    async fn subscribe(&self, shard: Shard) -> Result<Self::Subscription, BusError> {
        let ears = self.ears.0.subscribe();
        moving(ears.clone()).await;
        if *ears.borrow() == Hearing::Refused {
            return Err(BusError::new("told to refuse"));
        }
        Ok(DeafSubscription { inner: self.inner.subscribe(shard).await?, ears, deafened: Arc::default() })
    }

    async fn publish(&self, shard: Shard, message: Bytes) -> Result<(), BusError> {
        self.inner.publish(shard, message).await
    }
}

impl<S: Subscription> Subscription for DeafSubscription<S> {
    async fn next(&mut self) -> Result<BusEvent, BusError> {
        moving(self.ears.clone()).await;
        let message = tokio::select! {
            biased;
            error = refused(self.ears.clone()) => return Err(error),
            message = self.inner.next() => message,
        };
        if self.is_deaf() { std::future::pending().await } else { message }
    }

    fn try_next(&mut self) -> Option<Result<BusEvent, BusError>> {
        let stalled = *self.ears.borrow() == Hearing::Stalled;
        if stalled || self.is_deaf() { None } else { self.inner.try_next() }
    }

    fn fence(&self) -> impl Future<Output = Result<FenceOutcome, BusError>> + Send + 'static {
        let deaf = self.is_deaf();
        let fence = self.inner.fence();
        let ears = self.ears.clone();
        async move {
            moving(ears).await;
            if deaf { std::future::pending().await } else { fence.await }
        }
    }
}
