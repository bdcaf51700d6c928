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

use super::fence_log::FenceLog;
use super::message_handler::MessageHandler;
use super::monitor::Monitor;
use super::node::Node;
use super::shard_state::ShardState;
use super::status::Status;
use crate::{Backoff, Bus, BusError, FenceOutcome, Shard, Subscription};

/// Listens to the invalidations of one shard of the store, and keeps the caches fresh with fences.
pub(super) struct Listener<B> {
    node: Arc<Node>,
    bus: Arc<B>,
    shard: Arc<ShardState>,
    monitor: Monitor,
    /// Limits the warnings about subscriptions that end as soon as they have begun.
    short_subscriptions: Throttle,
}

/// A subscription with a first fence, which was sent at `fence_sent_at`.
struct LiveSubscription<S> {
    subscription: S,
    fence_sent_at: Instant,
}

impl<B: Bus> Listener<B> {
    pub(super) fn new(
        node: Arc<Node>,
        bus: Arc<B>,
        shard: Shard,
        status: Arc<watch::Sender<Status>>,
    ) -> Self {
        let monitor = Monitor::new(node.clone(), shard, status);
        // Creates the freshness of the shard, so that the first fence counts for what is loaded from here on.
        node.caches.distrust(shard);
        let short_subscriptions = Throttle::new(WARNING_INTERVAL);
        Self { shard: node.shard(shard), node, bus, monitor, short_subscriptions }
    }

    /// Listens to the shard and monitors it.
    pub(super) async fn run(self) {
        tokio::select! {
            never = self.keep_listening() => match never {},
            never = self.monitor.keep_sending_pending_deletes() => match never {},
            never = self.monitor.watch_writes() => match never {},
            never = self.monitor.keep_time() => match never {},
        }
    }

    /// ## Subscribe => Listen
    /// ## Listen => Listen     with another subscription, if the first one does not reply and that one does
    /// ## Listen => Wait       after any error
    /// ## Wait => Subscribe    after a jittered back-off
    async fn keep_listening(&self) -> Infallible {
        let mut backoff = Backoff::new();
        // A failure is logged once, and not with each attempt.
        let (mut failure_logged, mut end_logged) = (false, true);
        loop {
            match self.subscribe().await {
                Ok(live) => {
                    let begun_at = self.node.clock.now();
                    let reachable = self.monitor.check().await;
                    self.monitor.query_time().await;
                    self.log_begin(end_logged);
                    let lost = self.listen(live, reachable).await;
                    // Now, because the next subscription may take long.
                    self.node.repeat_recent_deletes(&self.shard);
                    let lasted = self.node.clock.now().saturating_duration_since(begun_at);
                    // After a short subscription, the next one may be short, too.
                    if lasted >= STABLE {
                        (backoff, failure_logged) = (Backoff::new(), false);
                    }
                    end_logged = self.log_end(&lost, lasted);
                }
                Err(error) if !failure_logged => {
                    tracing::warn!(error = &error as &dyn Error, "cannot subscribe to the invalidation bus");
                    failure_logged = true;
                }
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn Error,
                        "still cannot subscribe to the invalidation bus"
                    );
                }
            }
            // Messages may be missed from here on. What is loaded before the next subscription is not served from the cache either.
            self.node.caches.distrust(self.shard.shard);
            self.monitor.set_subscribed(false);
            self.monitor.check().await;
            sleep(backoff.next_wait()).await;
        }
    }

    /// `end_logged`: whether the end of the previous subscription was logged as a warning.
    fn log_begin(&self, end_logged: bool) {
        let node = self.node.codec.node();
        if end_logged {
            tracing::info!(%node, "subscribed to the invalidation bus");
        } else {
            tracing::debug!(%node, "subscribed to the invalidation bus again");
        }
    }

    /// Returns whether this was logged as a warning.
    fn log_end(&self, cause: &BusError, lasted: Duration) -> bool {
        let error = cause as &dyn Error;
        let admitted = self.short_subscriptions.admit(self.node.clock.now());
        let warns = lasted >= STABLE || admitted.is_some();
        if warns {
            tracing::warn!(
                error,
                more = admitted.unwrap_or(0),
                "lost the subscription to the invalidation bus"
            );
        } else {
            tracing::debug!(error, "lost the subscription to the invalidation bus again");
        }
        warns
    }

    /// A new subscription, with its first fence.
    async fn subscribe(&self) -> Result<LiveSubscription<B::Subscription>, BusError> {
        let settings = &self.node.settings;
        let subscribed = timeout(settings.subscribe_timeout(), self.bus.subscribe(self.shard.shard)).await;
        let subscription = subscribed.map_err(BusError::new)??;
        let fence_sent_at = self.node.clock.now();
        let fence = timeout(settings.fence_timeout(), subscription.fence());
        match fence.await.map_err(BusError::new)?? {
            FenceOutcome::Complete | FenceOutcome::OwnershipLost => {
                Ok(LiveSubscription { subscription, fence_sent_at })
            }
            FenceOutcome::Pending => {
                Err(BusError::new("the server cannot say at present which sessions it has"))
            }
        }
    }

    /// Listens on this subscription, and on its replacements, until an error.
    async fn listen(&self, first: LiveSubscription<B::Subscription>, reachable: bool) -> BusError {
        let (mut live, mut reachable) = (first, reachable);
        loop {
            // Earlier messages may have been missed, so cached entries and loads in progress do not count.
            self.node.clear_shard(self.shard.shard);
            self.node.repeat_recent_deletes(&self.shard);
            if reachable {
                self.node.caches.record_fence(self.shard.shard, live.fence_sent_at);
            }
            self.monitor.set_subscribed(true);
            match self.listen_to(live.subscription).await {
                Ok(replacement) => (live, reachable) = (replacement, true),
                Err(lost) => return lost,
            }
            tracing::warn!(
                "the connection of the subscription to the invalidation bus did not reply, and was replaced"
            );
            self.node.caches.distrust(self.shard.shard);
        }
    }

    /// Listens until an error, or until another subscription is live while this one does not reply.
    ///
    /// A fence has no time limit. A late one stops the use of the cache, but the cache is kept: when the reply arrives, it proves
    /// that no message was missed.
    async fn listen_to(
        &self,
        mut subscription: B::Subscription,
    ) -> Result<LiveSubscription<B::Subscription>, BusError> {
        let mut handler = MessageHandler::new(self.node.clone(), self.shard.shard);
        let mut ticks = interval(self.node.settings.fence_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut log = FenceLog::default();
        let (mut fences, mut checks) = (FuturesOrdered::new(), FuturesOrdered::new());
        let mut replacement = pin!(Fuse::terminated());
        loop {
            tokio::select! {
                // Messages last: a flood of them must not delay the other branches.
                biased;
                Some((sent_at, outcome)) = fences.next() => {
                    let outcome = outcome?;
                    let last = fences.is_empty();
                    replacement.set(if last { Fuse::terminated() } else { self.replacement().fuse() });
                    // By the contract, the messages before the fence have arrived; now they are applied.
                    apply_all(&mut subscription, &mut handler)?;
                    if outcome == FenceOutcome::OwnershipLost {
                        handler.clear();
                    }
                    self.monitor.set_subscribed(true);
                    if outcome != FenceOutcome::Pending {
                        log.record_fence(sent_at);
                        self.record_fence(&log, &handler);
                    }
                    // The reply to a late fence proves too little; the next fence is usually not late.
                    if last && self.is_too_old(sent_at) {
                        ticks.reset_immediately();
                    }
                }
                Some((begun_at, reachable)) = checks.next() => {
                    log.record_check(begun_at, reachable);
                    // An error here means that commands go to another server than the fence did.
                    apply_all(&mut subscription, &mut handler)?;
                    self.record_fence(&log, &handler);
                }
                other = &mut replacement => return Ok(other),
                _ = ticks.tick() => {
                    let now = self.node.clock.now();
                    // At the same time, so that the check counts for the fence. While fences are late, checks go on.
                    if fences.len() < MAX_IN_FLIGHT {
                        if fences.is_empty() {
                            replacement.set(self.replacement().fuse());
                        }
                        let fence = subscription.fence();
                        fences.push_back(async move { (now, fence.await) });
                    }
                    if checks.len() < MAX_IN_FLIGHT {
                        checks.push_back(async move { (now, self.monitor.check().await) });
                    }
                }
                () = handler.clears.due() => handler.clear(),
                event = subscription.next() => handler.apply(&event?),
            }
        }
    }

    fn record_fence(&self, log: &FenceLog, handler: &MessageHandler) {
        if let Some(proven_until) = log.proven_until() {
            let proven_until = handler.clears.effective_time(proven_until);
            self.node.caches.record_fence(self.shard.shard, proven_until);
        }
    }

    fn is_too_old(&self, sent_at: Instant) -> bool {
        self.node.clock.now().saturating_duration_since(sent_at) >= self.node.settings.max_staleness
    }

    /// Another subscription, once a fence on the present one is late. A stalled server replies on neither connection; if it replies on
    /// the new one only, the old one is dead.
    async fn replacement(&self) -> LiveSubscription<B::Subscription> {
        sleep(self.node.settings.fence_timeout()).await;
        self.monitor.set_subscribed(false);
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
                        "cannot replace the subscription to the invalidation bus"
                    );
                }
            }
            sleep(backoff.next_wait()).await;
        }
    }
}

fn apply_all(subscription: &mut impl Subscription, handler: &mut MessageHandler) -> Result<(), BusError> {
    while let Some(event) = subscription.try_next() {
        handler.apply(&event?);
    }
    Ok(())
}

/// However the listener ends, messages are missed from now on.
impl<B> Drop for Listener<B> {
    fn drop(&mut self) {
        self.node.caches.remove_shard(self.shard.shard);
        self.node.shards.remove(self.shard.shard);
        self.monitor.stop();
    }
}

/// A subscription that has lasted this long did not end for a reason that also ends the next one at once.
const STABLE: Duration = Duration::from_secs(1);
/// The time between two warnings about subscriptions that end sooner than that.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
/// As many fences as are sent within `max_staleness`: if replies take nearly that long, one of them is always recent enough.
const MAX_IN_FLIGHT: usize = 4;
