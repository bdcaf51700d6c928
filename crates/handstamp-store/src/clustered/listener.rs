use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::Fuse;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use handstamp_core::throttle::Throttle;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::inbox::Inbox;
use super::lane::Lane;
use super::monitor::Monitor;
use super::node::Node;
use super::proofs::Proofs;
use super::status::Status;
use crate::{Backoff, Bus, BusError, FenceOutcome, Shard, Subscription};

/// Listens to the invalidations of one shard of the store, and proves that it does.
pub(super) struct Listener<B> {
    node: Arc<Node>,
    bus: Arc<B>,
    shard: Shard,
    lane: Arc<Lane>,
    monitor: Monitor,
    /// Limits the warnings about subscriptions that end as soon as they have begun.
    ends: Throttle,
}

/// A subscription, and when a fence on it was sent that has come back.
struct Live<S> {
    subscription: S,
    fenced_at: Instant,
}

impl<B: Bus> Listener<B> {
    pub(super) fn new(
        node: Arc<Node>,
        bus: Arc<B>,
        shard: Shard,
        status: Arc<watch::Sender<Status>>,
    ) -> Self {
        let monitor = Monitor::new(node.clone(), shard, status);
        Self { lane: node.lane(shard), node, bus, shard, monitor, ends: Throttle::new(QUIET) }
    }

    /// Listens, and looks after the shard, whether it can be listened to or not.
    pub(super) async fn run(self) {
        tokio::select! {
            never = self.keep_listening() => match never {},
            never = self.monitor.keep_sending_pending_deletes() => match never {},
            never = self.monitor.watch_writes() => match never {},
            never = self.monitor.keep_time() => match never {},
        }
    }

    /// ## Subscribe => Listen
    /// ## Listen => Listen     with another subscription, where the first does not reply and that does
    /// ## Listen => Wait       whatever goes wrong
    /// ## Wait => Subscribe    after a jittered back-off
    async fn keep_listening(&self) -> Infallible {
        let mut backoff = Backoff::new();
        // Once is enough: attempts go on, and nothing new happens.
        let (mut told, mut warned) = (false, true);
        loop {
            match self.subscribe().await {
                Ok(live) => {
                    let since = self.node.clock.now();
                    let reachable = self.monitor.check().await;
                    self.monitor.ask_time().await;
                    self.log_begin(warned);
                    let lost = self.listen(live, reachable).await;
                    // The next subscription may be long in coming.
                    self.node.repeat_recent_deletes(&self.lane);
                    let lasted = self.node.clock.now().saturating_duration_since(since);
                    // One that ends at once may end at once again.
                    if lasted >= STABLE {
                        (backoff, told) = (Backoff::new(), false);
                    }
                    warned = self.log_end(&lost, lasted);
                }
                Err(error) if !told => {
                    tracing::warn!(error = &error as &dyn Error, "cannot listen to the invalidation bus");
                    told = true;
                }
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn Error,
                        "still cannot listen to the invalidation bus"
                    );
                }
            }
            // From here on messages may be missed: nothing is served from the cache, and nothing that is loaded
            // now will be once the next subscription is live.
            self.lane.freshness.distrust();
            self.monitor.set_running(false);
            self.monitor.check().await;
            sleep(backoff.next_wait()).await;
        }
    }

    /// `warned`: whether the end of the subscription before this one was logged as a warning.
    fn log_begin(&self, warned: bool) {
        let node = self.node.messenger.node();
        if warned {
            tracing::info!(%node, "listening to the invalidation bus");
        } else {
            tracing::debug!(%node, "listening to the invalidation bus again");
        }
    }

    /// Returns whether it was logged as a warning.
    fn log_end(&self, cause: &BusError, lasted: Duration) -> bool {
        let error = cause as &dyn Error;
        let admitted = self.ends.admit(self.node.clock.now());
        let warns = lasted >= STABLE || admitted.is_some();
        if warns {
            tracing::warn!(error, more = admitted.unwrap_or(0), "lost the invalidation bus");
        } else {
            tracing::debug!(error, "lost the invalidation bus again");
        }
        warns
    }

    /// A subscription that is known to be live.
    async fn subscribe(&self) -> Result<Live<B::Subscription>, BusError> {
        let settings = &self.node.settings;
        let subscribed = timeout(settings.subscribe_timeout(), self.bus.subscribe(self.shard)).await;
        let subscription = subscribed.map_err(BusError::new)??;
        let fenced_at = self.node.clock.now();
        let fence = timeout(settings.fence_timeout(), subscription.fence());
        match fence.await.map_err(BusError::new)?? {
            FenceOutcome::Complete | FenceOutcome::OwnershipLost => Ok(Live { subscription, fenced_at }),
            FenceOutcome::Pending => Err(BusError::new("the shard cannot prove anything at present")),
        }
    }

    /// Listens until something goes wrong, on this subscription and those that take its place.
    async fn listen(&self, first: Live<B::Subscription>, reachable: bool) -> BusError {
        let (mut live, mut reachable) = (first, reachable);
        loop {
            // Messages from before may have been missed: nothing that is cached counts, and no load that has begun.
            self.node.cut(&self.lane.freshness);
            self.node.repeat_recent_deletes(&self.lane);
            if reachable {
                self.lane.freshness.record_fence(live.fenced_at);
            }
            self.monitor.set_running(true);
            match self.listen_to(live.subscription).await {
                Ok(other) => (live, reachable) = (other, true),
                Err(lost) => return lost,
            }
            tracing::warn!("the invalidation bus does not reply on its connection: replaced it");
            self.lane.freshness.distrust();
        }
    }

    /// Listens until something goes wrong, or another subscription is live while this one does not reply.
    ///
    /// A fence is waited for however long it takes. While that is too long, nothing is served from the cache, which is kept:
    /// the reply, when it comes, proves that nothing was missed.
    async fn listen_to(&self, mut subscription: B::Subscription) -> Result<Live<B::Subscription>, BusError> {
        let mut inbox = Inbox::new(self.node.clone(), self.lane.clone());
        let mut beat = interval(self.node.settings.beat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        let mut proofs = Proofs::default();
        let (mut fences, mut checks) = (FuturesOrdered::new(), FuturesOrdered::new());
        let mut replacement = pin!(Fuse::terminated());
        loop {
            tokio::select! {
                // Messages last: in a flood of them, all others would never have their turn.
                biased;
                Some((sent_at, proof)) = fences.next() => {
                    let proof = proof?;
                    let last = fences.is_empty();
                    replacement.set(if last { Fuse::terminated() } else { self.replacement().fuse() });
                    // The fence promises that the messages before it have arrived, not that they have been applied.
                    apply_all(&mut subscription, &mut inbox)?;
                    if proof == FenceOutcome::OwnershipLost {
                        inbox.clear();
                    }
                    self.monitor.set_running(true);
                    if proof != FenceOutcome::Pending {
                        proofs.fenced(sent_at);
                        self.trust(&proofs, &inbox);
                    }
                    // The reply to a late fence proves too little, and the next one is not late, as a rule.
                    if last && self.is_too_old(sent_at) {
                        beat.reset_immediately();
                    }
                }
                Some((begun_at, reachable)) = checks.next() => {
                    proofs.checked(begun_at, reachable);
                    // An error here means that the fence was on a server that commands no longer go to.
                    apply_all(&mut subscription, &mut inbox)?;
                    self.trust(&proofs, &inbox);
                }
                other = &mut replacement => return Ok(other),
                _ = beat.tick() => {
                    let now = self.node.clock.now();
                    // Together, so that the one counts for the other. While fences are late, checks go on.
                    if fences.len() < MOST_IN_FLIGHT {
                        if fences.is_empty() {
                            replacement.set(self.replacement().fuse());
                        }
                        let fence = subscription.fence();
                        fences.push_back(async move { (now, fence.await) });
                    }
                    if checks.len() < MOST_IN_FLIGHT {
                        checks.push_back(async move { (now, self.monitor.check().await) });
                    }
                }
                () = inbox.clearing.due() => inbox.clear(),
                message = subscription.next() => inbox.apply(&message?),
            }
        }
    }

    fn trust(&self, proofs: &Proofs, inbox: &Inbox) {
        if let Some(up_to) = proofs.up_to() {
            self.lane.freshness.record_fence(inbox.clearing.counts_from(up_to));
        }
    }

    fn is_too_old(&self, sent_at: Instant) -> bool {
        self.node.clock.now().saturating_duration_since(sent_at) >= self.node.settings.max_staleness
    }

    /// Another subscription, once a fence on the present one is late. A server that stands still replies on neither; one
    /// that replies on a new connection only shows that the old one is dead.
    async fn replacement(&self) -> Live<B::Subscription> {
        sleep(self.node.settings.fence_timeout()).await;
        self.monitor.set_running(false);
        let mut backoff = Backoff::new();
        loop {
            match self.subscribe().await {
                Ok(live) => {
                    self.monitor.until_reachable().await;
                    return live;
                }
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn Error,
                        "cannot listen to the invalidation bus anew"
                    );
                }
            }
            sleep(backoff.next_wait()).await;
        }
    }
}

fn apply_all(subscription: &mut impl Subscription, inbox: &mut Inbox) -> Result<(), BusError> {
    while let Some(message) = subscription.try_next() {
        inbox.apply(&message?);
    }
    Ok(())
}

/// However it ends, messages are missed from now on.
impl<B> Drop for Listener<B> {
    fn drop(&mut self) {
        self.lane.freshness.distrust();
        self.node.lanes.remove(self.shard);
        self.monitor.stop();
    }
}

/// A subscription that has lasted so long does not end for a reason that ends the next one at once.
const STABLE: Duration = Duration::from_secs(1);
/// The time between two warnings about subscriptions that end sooner than that.
const QUIET: Duration = Duration::from_secs(60);
/// As many fences as are sent within `max_staleness`: where replies take that long, one of them is always recent enough.
const MOST_IN_FLIGHT: usize = 4;
