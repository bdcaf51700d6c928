use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::lane::Lane;
use super::node::Node;
use super::status::{ShardStatus, Status};
use crate::{Shard, StoreError};

/// Finds out whether one shard of the store can be reached, takes writes, and what time it has, and says so in the status.
#[derive(Clone)]
pub(super) struct Monitor {
    node: Arc<Node>,
    shard: Shard,
    lane: Arc<Lane>,
    status: Arc<watch::Sender<Status>>,
}

impl Monitor {
    pub(super) fn new(node: Arc<Node>, shard: Shard, status: Arc<watch::Sender<Status>>) -> Self {
        status.send_modify(|status| status.change(shard, |_| {}));
        Self { lane: node.lane(shard), node, shard, status }
    }

    /// Whether the shard can be reached, and is the one to write to.
    pub(super) async fn check(&self) -> bool {
        let checked = timeout(self.node.settings.fence_timeout(), self.node.store.check(self.shard));
        let checked = checked.await.unwrap_or(Err(StoreError::TimedOut));
        let reachable = checked.is_ok();
        let before = self.status.borrow().of(self.shard).reachable;
        match checked {
            Err(error) if before != Some(false) => {
                tracing::warn!(error = &error as &dyn Error, "cannot reach the session store");
            }
            Ok(()) if before == Some(false) => tracing::info!("the session store is back"),
            _ => {}
        }
        self.change(|status| status.reachable = Some(reachable));
        reachable
    }

    /// Resolves when the shard can be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(super) async fn until_reachable(&self) {
        while !self.check().await {
            sleep(self.node.settings.beat()).await;
        }
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.status.borrow().of(self.shard).reachable == Some(true)
    }

    pub(super) fn set_running(&self, running: bool) {
        self.change(|status| status.running = running);
    }

    /// Keeps an eye on the writes: at once, when one has failed, and when none has succeeded for a while.
    pub(super) async fn watch_writes(&self) -> Infallible {
        let mut told = None;
        loop {
            // Of a shard that cannot be reached, the other check tells.
            self.until_found_reachable().await;
            if !self.check_writes(&mut told).await {
                sleep(RETRY_PAUSE).await;
                continue;
            }
            tokio::select! {
                // A moment later, so that many failures are one check.
                () = self.lane.writes.failure() => sleep(self.node.settings.beat()).await,
                () = self.until_no_write_was_done_lately() => {}
            }
        }
    }

    /// Resolves when the shard could be reached when it was last asked.
    async fn until_found_reachable(&self) {
        let mut status = self.status.subscribe();
        // An error is impossible: this has the sender.
        let _ = status.wait_for(|status| status.of(self.shard).reachable == Some(true)).await;
    }

    async fn until_no_write_was_done_lately(&self) {
        let mut wait = IDLE_PAUSE;
        loop {
            sleep(wait).await;
            let age = |done| self.node.clock.now().saturating_duration_since(done);
            match self.lane.writes.last_done().map(age) {
                Some(age) if age < IDLE_PAUSE => wait = IDLE_PAUSE - age,
                _ => return,
            }
        }
    }

    /// Whether a write was tried with success. `told` is the reason against it that has been logged.
    async fn check_writes(&self, told: &mut Option<String>) -> bool {
        let checked = timeout(self.node.settings.writes_timeout(), self.node.store.check_writes(self.shard));
        match checked.await.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(()) => {
                if told.take().is_some() {
                    tracing::info!("the session store takes writes again");
                }
                self.node.has_written.store(true, Ordering::Relaxed);
                self.change(|status| status.writable = Some(true));
                return true;
            }
            Err(error @ StoreError::Refused(_)) if self.is_reachable() => {
                let reason = error.source().map(ToString::to_string);
                if *told == reason {
                    tracing::debug!(error = &error as &dyn Error, "the session store still rejects writes");
                } else {
                    tracing::warn!(error = &error as &dyn Error, "the session store rejects writes");
                    *told = reason;
                }
                self.change(|status| status.writable = Some(false));
            }
            // That is for the other check to say.
            Err(_) => {}
        }
        false
    }

    /// Keeps up with the shard's time.
    pub(super) async fn keep_time(&self) -> Infallible {
        loop {
            self.until_found_reachable().await;
            self.ask_time().await;
            sleep(TIME_INTERVAL).await;
        }
    }

    pub(super) async fn ask_time(&self) {
        let node = &self.node;
        let asked = node.clock.now();
        let time = timeout(node.settings.fence_timeout(), node.store.time(self.shard)).await;
        let Ok(Ok(Some(time))) = time else { return };
        // In the middle of the round trip, most likely.
        let now = node.clock.now();
        let at = asked + now.saturating_duration_since(asked) / 2;
        node.time.told(self.shard, time, at);
        let (ours, theirs) = (node.clock.timestamp(), time.saturating_add(now.saturating_duration_since(at)));
        let off_by = ours.since(theirs).max(theirs.since(ours));
        let (off, before) = (off_by >= FAR_OFF, self.status.borrow().of(self.shard).clock_is_off);
        if off && !before {
            let seconds = off_by.as_secs();
            tracing::warn!(
                seconds,
                ahead = ours > theirs,
                "this node's clock differs from the session store's: sessions go by the store's"
            );
        }
        if before && !off {
            tracing::info!("this node's clock agrees with the session store's again");
        }
        self.change(|status| status.clock_is_off = off);
    }

    /// Tells the shard of deletes that it has not acknowledged, whenever it can be reached.
    pub(super) async fn keep_sending_pending_deletes(&self) -> Infallible {
        let mut beat = interval(self.node.settings.beat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if self.is_reachable() {
                self.node.send_pending_deletes(self.shard).await;
            }
        }
    }

    /// The shard is no longer listened to.
    pub(super) fn stop(&self) {
        self.node.time.forget(self.shard);
        self.status.send_modify(|status| status.remove(self.shard));
    }

    fn change(&self, change: impl FnOnce(&mut ShardStatus)) {
        self.status.send_modify(|status| status.change(self.shard, change));
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// After so long without a write, whether writes work is asked.
const IDLE_PAUSE: Duration = Duration::from_secs(10);
const TIME_INTERVAL: Duration = Duration::from_secs(60);
/// More than clocks differ that somebody looks after.
const FAR_OFF: Duration = Duration::from_secs(5);
