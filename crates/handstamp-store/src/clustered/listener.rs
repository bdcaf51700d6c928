use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::invalidation::{Invalidation, Notice};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::clearing::Clearing;
use super::lane::Lane;
use super::node::Node;
use super::status::{ShardStatus, Status};
use crate::{Backoff, Bus, BusError, Heard, Proof, Shard, StoreError, Subscription};

/// Listens to what one shard of the store tells, and proves that it does.
pub(super) struct Listener<B> {
    node: Arc<Node>,
    bus: Arc<B>,
    shard: Shard,
    lane: Arc<Lane>,
    status: Arc<watch::Sender<Status>>,
}

impl<B: Bus> Listener<B> {
    pub(super) fn new(
        node: Arc<Node>,
        bus: Arc<B>,
        shard: Shard,
        status: Arc<watch::Sender<Status>>,
    ) -> Self {
        status.send_modify(|status| status.change(shard, |_| {}));
        Self { lane: node.lane(shard), node, bus, shard, status }
    }

    /// ## Subscribe => Listen
    /// ## Listen => Wait      whatever goes wrong
    /// ## Wait => Subscribe   after a jittered back-off
    pub(super) async fn run(self) {
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
            self.lane.feed.void();
            self.note(|status| status.running = false);
            self.note_store(self.check().await);
            sleep(backoff.next_wait()).await;
        }
    }

    /// A subscription that is known to be live.
    async fn subscribe(&self) -> Result<B::Subscription, BusError> {
        let subscription =
            timeout(SUBSCRIBE_TIMEOUT, self.bus.subscribe(self.shard)).await.map_err(BusError::new)??;
        let sent_at = self.node.clock.now();
        let (fenced, checked) = self.prove(subscription.fence()).await;
        fenced?;
        // Whatever was published before may have been missed: forget everything, and believe no fill that was
        // begun before now.
        self.node.cut(&self.lane.feed);
        self.node.end_again(self.shard);
        if self.note_store(checked) {
            self.lane.feed.pass(sent_at);
        }
        self.note(|status| status.running = true);
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
                () = clearing.due() => self.clear(&mut clearing),
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
        let proof = fenced?;
        // The fence promises that what it covers has arrived, not that it has been applied.
        while let Some(message) = subscription.try_next() {
            self.apply(&message?, clearing);
        }
        if proof == Proof::Shrunk {
            self.clear(clearing);
        }
        if self.note_store(checked) {
            self.lane.feed.pass(clearing.counts_from(sent_at));
        }
        Ok(())
    }

    /// Beside everything else, so that no message has to wait for it.
    async fn end_what_should_have_ended(&self) -> Infallible {
        let mut beat = interval(self.node.settings.beat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let reachable = self.status.borrow().of(self.shard).reachable;
            if reachable == Some(true) {
                self.node.retry_revocations(self.shard).await;
            }
        }
    }

    /// Waits for the fence, and asks the store whether it is still the one to ask; both at once.
    async fn prove(
        &self,
        fence: impl Future<Output = Result<Proof, BusError>>,
    ) -> (Result<Proof, BusError>, Result<(), StoreError>) {
        let fenced = async {
            timeout(self.node.settings.fence_timeout(), fence)
                .await
                .unwrap_or_else(|late| Err(BusError::new(late)))
        };
        tokio::join!(fenced, self.check())
    }

    async fn check(&self) -> Result<(), StoreError> {
        timeout(self.node.settings.fence_timeout(), self.node.store.check(self.shard))
            .await
            .unwrap_or(Err(StoreError::TimedOut))
    }

    /// Returns whether the shard can be reached.
    fn note_store(&self, checked: Result<(), StoreError>) -> bool {
        let reachable = checked.is_ok();
        let before = self.status.borrow().of(self.shard).reachable;
        match checked {
            Err(error) if before != Some(false) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot reach the session store");
            }
            Ok(()) if before == Some(false) => tracing::info!("the session store is back"),
            _ => {}
        }
        self.note(|status| status.reachable = Some(reachable));
        reachable
    }

    fn apply(&self, heard: &Heard, clearing: &mut Clearing) {
        match heard {
            Heard::Message(message) => self.read(message, clearing),
            Heard::Changed(key) => {
                self.node.counters.received();
                self.node.forget(key, None);
            }
        }
    }

    fn read(&self, message: &[u8], clearing: &mut Clearing) {
        let node = &self.node;
        match node.messenger.read(message) {
            Ok(Notice { invalidation, .. }) => {
                node.counters.received();
                match invalidation {
                    Invalidation::CacheClear => self.clear_soon(clearing),
                    Invalidation::SessionDeleted(key) => node.forget(&key, None),
                    Invalidation::SessionInvalidated(key, saved) => node.forget(&key, Some(saved)),
                }
            }
            Err(reason) => {
                node.counters.refused();
                tracing::debug!(%reason, "refused a message on the invalidation bus");
                if reason.may_hide_an_invalidation() {
                    self.clear_soon(clearing);
                }
            }
        }
    }

    fn clear_soon(&self, clearing: &mut Clearing) {
        if clearing.request(self.node.clock.now()) {
            self.clear(clearing);
        }
    }

    fn clear(&self, clearing: &mut Clearing) {
        self.node.cut(&self.lane.feed);
        clearing.done(self.node.clock.now());
    }

    fn note(&self, change: impl FnOnce(&mut ShardStatus)) {
        self.status.send_modify(|status| status.change(self.shard, change));
    }
}

/// However it ends: nobody listens any more.
impl<B> Drop for Listener<B> {
    fn drop(&mut self) {
        self.lane.feed.void();
        self.node.lanes.remove(self.shard);
        self.status.send_modify(|status| status.remove(self.shard));
    }
}

const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);
