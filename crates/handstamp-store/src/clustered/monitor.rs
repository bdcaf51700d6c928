use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use handstamp_core::time::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::node::Node;
use super::shard_state::ShardState;
use super::status::{ShardStatus, Status};
use crate::{Shard, StoreError};

/// Checks whether one shard of the store can be reached and accepts writes, and queries its time. Reports to the status.
#[derive(Clone)]
pub(super) struct Monitor {
    node: Arc<Node>,
    shard: Shard,
    state: Arc<ShardState>,
    status: Arc<watch::Sender<Status>>,
}

impl Monitor {
    pub(super) fn new(node: Arc<Node>, shard: Shard, status: Arc<watch::Sender<Status>>) -> Self {
        status.send_modify(|status| status.change(shard, |_| {}));
        Self { state: node.shard(shard), node, shard, status }
    }

    /// Whether the shard can be reached as a primary.
    pub(super) async fn check(&self) -> bool {
        let checked = timeout(self.node.settings.fence_timeout(), self.node.store.ping_primary(self.shard));
        let checked = checked.await.unwrap_or(Err(StoreError::TimedOut));
        let reachable = checked.is_ok();
        let before = self.status.borrow().shard(self.shard);
        match checked {
            // A hanging write delays the check behind it, and has already been reported.
            _ if before.writes_hang => {}
            Err(error) if before.reachable != Some(false) => {
                let server = self.server();
                tracing::warn!(server, error = &error as &dyn Error, "cannot reach the session store");
            }
            Ok(()) if before.reachable == Some(false) => {
                tracing::info!(server = self.server(), "the session store can be reached again");
            }
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
            sleep(self.node.settings.fence_interval()).await;
        }
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.status.borrow().shard(self.shard).reachable == Some(true)
    }

    pub(super) fn set_subscribed(&self, subscribed: bool) {
        self.change(|status| status.subscribed = subscribed);
    }

    /// Checks writes: first at once, then after a write has failed, and when none has succeeded for a while.
    pub(super) async fn watch_writes(&self) -> Infallible {
        let mut failures = WriteFailures::default();
        loop {
            // The other check reports a shard that cannot be reached.
            self.until_reported_reachable().await;
            if !self.check_writes(&mut failures).await {
                sleep(RETRY_PAUSE).await;
                continue;
            }
            tokio::select! {
                // A moment later, so that many failures cause one check.
                () = self.state.writes.failure() => sleep(self.node.settings.fence_interval()).await,
                () = self.until_writes_are_rare() => {}
            }
        }
    }

    /// Resolves when the last check has reached the shard.
    async fn until_reported_reachable(&self) {
        let mut status = self.status.subscribe();
        // This has the sender, so it is no error.
        let _ = status.wait_for(|status| status.shard(self.shard).reachable == Some(true)).await;
    }

    async fn until_writes_are_rare(&self) {
        let mut wait = IDLE_PAUSE;
        loop {
            sleep(wait).await;
            let age = |success| self.node.clock.now().saturating_duration_since(success);
            match self.state.writes.last_success().map(age) {
                Some(age) if age < IDLE_PAUSE => wait = IDLE_PAUSE - age,
                _ => return,
            }
        }
    }

    /// Returns whether the check succeeded.
    async fn check_writes(&self, failures: &mut WriteFailures) -> bool {
        let checked =
            timeout(self.node.settings.write_check_timeout(), self.node.store.check_writes(self.shard));
        match checked.await.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(()) => {
                if std::mem::take(failures).logged.is_some() {
                    tracing::info!(server = self.server(), "the session store accepts writes again");
                }
                self.node.has_written.store(true, Ordering::Relaxed);
                self.change(|status| (status.writable, status.writes_hang) = (Some(true), false));
                return true;
            }
            Err(error) => {
                let hang = failures.is_second_timeout(&error);
                // Otherwise the other check reports it.
                if self.is_reachable() && (hang || matches!(error, StoreError::Rejected(_))) {
                    self.log_write_failure(&error, hang, failures);
                    self.change(|status| (status.writable, status.writes_hang) = (Some(false), hang));
                }
            }
        }
        false
    }

    fn log_write_failure(&self, error: &StoreError, hang: bool, failures: &mut WriteFailures) {
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let is_new = failures.logged.as_ref() != Some(&reason);
        let (server, error) = (self.server(), error as &dyn Error);
        match (is_new, hang) {
            (true, false) => tracing::warn!(server, error, "the session store rejects writes"),
            (true, true) => tracing::warn!(server, error, "the session store does not reply to writes"),
            (false, false) => tracing::debug!(server, error, "the session store still rejects writes"),
            (false, true) => {
                tracing::debug!(server, error, "the session store still does not reply to writes");
            }
        }
        failures.logged = Some(reason);
    }

    /// Queries the time of the shard at regular intervals.
    pub(super) async fn keep_time(&self) -> Infallible {
        loop {
            self.until_reported_reachable().await;
            self.query_time().await;
            let known = self.node.time.is_known();
            sleep(if known { TIME_INTERVAL } else { self.node.settings.fence_interval() }).await;
        }
    }

    pub(super) async fn query_time(&self) {
        let node = &self.node;
        let time = timeout(node.settings.fence_timeout(), node.query_time(self.shard)).await;
        match time.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(time) => {
                if node.log_limits.unknown_time.lock().take().is_some() {
                    tracing::info!("the session store returns its time now");
                }
                time.into_iter().for_each(|time| self.compare_clocks(time));
            }
            Err(error) if !node.time.is_known() && self.is_reachable() => self.log_unknown_time(&error),
            // The known time is carried forward.
            Err(error) => {
                tracing::debug!(error = &error as &dyn Error, "the session store does not return its time");
            }
        }
    }

    /// Logs each cause once.
    fn log_unknown_time(&self, error: &StoreError) {
        let cause = Some(error.source().map_or_else(|| error.to_string(), ToString::to_string));
        let mut logged = self.node.log_limits.unknown_time.lock();
        if *logged != cause {
            tracing::warn!(
                error = error as &dyn Error,
                "the session store does not return its time: until it does, new sessions begin by the clock of this node"
            );
            *logged = cause;
        }
    }

    fn compare_clocks(&self, theirs: Timestamp) {
        let ours = self.node.clock.timestamp();
        let off_by = ours.since(theirs).max(theirs.since(ours));
        let (is_skewed, was_skewed) =
            (off_by >= MAX_SKEW, self.status.borrow().shard(self.shard).is_clock_skewed);
        if is_skewed && !was_skewed {
            let seconds = off_by.as_secs();
            tracing::warn!(
                seconds,
                ahead = ours > theirs,
                "this node's clock differs from the session store's: sessions use the clock of the store"
            );
        }
        if was_skewed && !is_skewed {
            tracing::info!("this node's clock agrees with the session store's again");
        }
        self.change(|status| status.is_clock_skewed = is_skewed);
    }

    /// Repeats pending deletes whenever the shard can be reached.
    pub(super) async fn keep_sending_pending_deletes(&self) -> Infallible {
        let mut ticks = interval(self.node.settings.fence_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut from = 0;
        loop {
            ticks.tick().await;
            if self.is_reachable() {
                from = self.node.send_pending_deletes(self.shard, from).await;
            }
        }
    }

    /// The listener of the shard has ended.
    pub(super) fn stop(&self) {
        self.node.time.remove(self.shard);
        self.status.send_modify(|status| status.remove(self.shard));
    }

    /// The name of the shard's server, for the log.
    fn server(&self) -> Option<String> {
        self.node.store.server_of(self.shard)
    }

    fn change(&self, change: impl FnOnce(&mut ShardStatus)) {
        self.status.send_modify(|status| status.change(self.shard, change));
    }
}

/// Failed checks of writes.
#[derive(Debug, Default)]
struct WriteFailures {
    /// The reason that was last logged.
    logged: Option<String>,
    /// The number of checks without a reply in a row.
    timeouts: u32,
}

impl WriteFailures {
    /// The connection of a single check without a reply may just have died.
    fn is_second_timeout(&mut self, error: &StoreError) -> bool {
        self.timeouts =
            if matches!(error, StoreError::TimedOut) { self.timeouts.saturating_add(1) } else { 0 };
        self.timeouts > 1
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// After this long without a write, writes are checked.
const IDLE_PAUSE: Duration = Duration::from_secs(10);
const TIME_INTERVAL: Duration = Duration::from_secs(60);
/// Clocks that are kept in sync differ by less.
const MAX_SKEW: Duration = Duration::from_secs(5);
