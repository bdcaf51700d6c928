use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handstamp_core::invalidation::{Invalidation, Notice};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::node::Node;
use crate::{Backoff, Bus, BusError, StoreError, Subscription};

/// The task that listens on the bus for a node, and proves that it does. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Coordinator {
    task: JoinHandle<()>,
    status: watch::Receiver<Status>,
}

/// What the task last knew.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Status {
    /// Whether there is a subscription, and a proof that it is alive.
    pub(super) running: bool,
    /// Whether the store could be reached when it was last asked; `None` before the first time.
    pub(super) store_reachable: Option<bool>,
}

impl Coordinator {
    pub(super) fn start<B: Bus>(node: Arc<Node>, bus: Arc<B>) -> Self {
        let (status, receiver) = watch::channel(Status::default());
        let task = tokio::spawn(Listener { node, bus, status }.run());
        Self { task, status: receiver }
    }

    pub(super) fn status(&self) -> Status {
        let status = *self.status.borrow();
        Status { running: status.running && !self.task.is_finished(), ..status }
    }

    /// Waits until the task knows whether the store can be reached and the bus listened to.
    pub(super) async fn settled(&self) {
        let mut status = self.status.clone();
        // An error means that the task has ended: then there is nothing to wait for.
        let _ = status.wait_for(|status| status.running && status.store_reachable.is_some()).await;
    }

    /// Ends the task, and returns when it has ended.
    pub(super) async fn stop(&self) {
        self.task.abort();
        // The sender goes with the task.
        let _ = self.status.clone().wait_for(|_| false).await;
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Listener<B> {
    node: Arc<Node>,
    bus: Arc<B>,
    status: watch::Sender<Status>,
}

impl<B: Bus> Listener<B> {
    /// ## Subscribe => Listen
    /// ## Listen => Wait      whatever goes wrong
    /// ## Wait => Subscribe   after a jittered back-off
    async fn run(self) {
        let mut backoff = Backoff::new();
        // Once is enough: attempts go on, and nothing new happens.
        let mut told = false;
        loop {
            match self.subscribe().await {
                Ok(subscription) => {
                    (backoff, told) = (Backoff::new(), false);
                    let lost = tokio::select! {
                        Err(lost) = self.listen(subscription) => lost,
                        never = self.end_what_should_have_ended() => match never {},
                    };
                    tracing::warn!(error = &lost as &dyn std::error::Error, "lost the invalidation bus");
                }
                Err(error) if !told => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot listen to the invalidation bus"
                    );
                    told = true;
                }
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "still cannot listen to the invalidation bus"
                    );
                }
            }
            // From here on messages may be missed: nothing is served from the cache, and nothing that is loaded
            // now will be once the next subscription is live.
            self.node.fence.void();
            self.status.send_modify(|status| status.running = false);
            self.note_store(self.check().await);
            sleep(backoff.next_wait()).await;
        }
    }

    /// A subscription that is known to be live.
    async fn subscribe(&self) -> Result<B::Subscription, BusError> {
        let subscription =
            timeout(SUBSCRIBE_TIMEOUT, self.bus.subscribe()).await.map_err(BusError::new)??;
        let sent_at = self.node.clock.now();
        let (fenced, checked) = self.prove(subscription.fence()).await;
        fenced?;
        // Whatever was published before may have been missed: forget everything, and believe no fill that was
        // begun before now.
        self.node.clear();
        if self.note_store(checked) {
            self.node.fence.pass(sent_at);
        }
        self.status.send_modify(|status| status.running = true);
        tracing::info!(node = %self.node.messenger.node(), "listening to the invalidation bus");
        Ok(subscription)
    }

    async fn listen(&self, mut subscription: B::Subscription) -> Result<Infallible, BusError> {
        let mut beat = interval(self.node.settings.beat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        let mut clearing = Clearing::new(self.node.settings.clearing_interval());
        loop {
            tokio::select! {
                message = subscription.next() => self.apply(&message?, &mut clearing),
                () = clearing.due() => clearing.now(&self.node),
                _ = beat.tick() => self.beat(&mut subscription, &mut clearing).await?,
            }
        }
    }

    /// One proof of being up to date. Messages are applied while it is under way.
    async fn beat(
        &self,
        subscription: &mut B::Subscription,
        clearing: &mut Clearing,
    ) -> Result<(), BusError> {
        let sent_at = self.node.clock.now();
        let mut proof = pin!(self.prove(subscription.fence()));
        let (fenced, checked) = loop {
            tokio::select! {
                proof = &mut proof => break proof,
                message = subscription.next() => self.apply(&message?, clearing),
            }
        };
        fenced?;
        // The fence promises that what it covers has arrived, not that it has been applied.
        while let Some(message) = subscription.try_next() {
            self.apply(&message?, clearing);
        }
        if self.note_store(checked) {
            // What was put off has not been applied.
            self.node.fence.pass(clearing.requested_at.map_or(sent_at, |requested| requested.min(sent_at)));
        }
        Ok(())
    }

    /// Beside everything else, so that no message has to wait for it.
    async fn end_what_should_have_ended(&self) -> Infallible {
        let mut beat = interval(self.node.settings.beat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if self.status.borrow().store_reachable == Some(true) {
                self.node.retry_revocations().await;
            }
        }
    }

    /// Waits for the fence, and asks the store whether it is still the one to ask; both at once.
    async fn prove(
        &self,
        fence: impl Future<Output = Result<(), BusError>>,
    ) -> (Result<(), BusError>, Result<(), StoreError>) {
        let fenced = async {
            timeout(self.node.settings.fence_timeout(), fence)
                .await
                .unwrap_or_else(|late| Err(BusError::new(late)))
        };
        tokio::join!(fenced, self.check())
    }

    async fn check(&self) -> Result<(), StoreError> {
        timeout(self.node.settings.fence_timeout(), self.node.store.check())
            .await
            .unwrap_or(Err(StoreError::TimedOut))
    }

    /// Returns whether the store can be reached.
    fn note_store(&self, checked: Result<(), StoreError>) -> bool {
        let reachable = checked.is_ok();
        let before = self.status.borrow().store_reachable;
        match checked {
            Err(error) if before != Some(false) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot reach the session store");
            }
            Ok(()) if before == Some(false) => tracing::info!("the session store is back"),
            _ => {}
        }
        self.status.send_modify(|status| status.store_reachable = Some(reachable));
        reachable
    }

    fn apply(&self, message: &[u8], clearing: &mut Clearing) {
        let node = &self.node;
        match node.messenger.read(message) {
            Ok(Notice { invalidation, .. }) => {
                node.counters.received();
                match invalidation {
                    Invalidation::CacheClear => clearing.request(node),
                    Invalidation::SessionDeleted(key) => node.forget(&key, None),
                    Invalidation::SessionInvalidated(key, saved) => node.forget(&key, Some(saved)),
                }
            }
            Err(reason) => {
                node.counters.refused();
                tracing::debug!(%reason, "refused a message on the invalidation bus");
                if reason.may_hide_an_invalidation() {
                    clearing.request(node);
                }
            }
        }
    }
}

/// Clears the cache on request, but only so often: whoever can publish can ask for it, be it by
/// sending an old message again.
#[derive(Debug)]
struct Clearing {
    interval: Duration,
    last: Option<Instant>,
    due: Option<Instant>,
    /// Since when a request waits.
    requested_at: Option<Instant>,
}

impl Clearing {
    const fn new(interval: Duration) -> Self {
        Self { interval, last: None, due: None, requested_at: None }
    }

    fn request(&mut self, node: &Node) {
        let now = node.clock.now();
        match self.last {
            Some(last) if now < last + self.interval => {
                self.due = Some(last + self.interval);
                self.requested_at.get_or_insert(now);
            }
            _ => self.now(node),
        }
    }

    fn now(&mut self, node: &Node) {
        node.clear();
        self.last = Some(node.clock.now());
        self.due = None;
        self.requested_at = None;
    }

    /// Resolves when a request that had to wait is due.
    async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);
