use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use handstamp_core::time::Timestamp;
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
        let checked = timeout(self.node.settings.fence_timeout(), self.node.store.ping_primary(self.shard));
        let checked = checked.await.unwrap_or(Err(StoreError::TimedOut));
        let reachable = checked.is_ok();
        let before = self.status.borrow().of(self.shard);
        match checked {
            // A write that hangs holds up what comes behind it on its connection, and that writes hang has been said.
            _ if before.writes_hang => {}
            Err(error) if before.reachable != Some(false) => {
                let server = self.server();
                tracing::warn!(server, error = &error as &dyn Error, "cannot reach the session store");
            }
            Ok(()) if before.reachable == Some(false) => {
                tracing::info!(server = self.server(), "the session store is back");
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
        let mut objections = Objections::default();
        loop {
            // Of a shard that cannot be reached, the other check tells.
            self.until_found_reachable().await;
            if !self.check_writes(&mut objections).await {
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

    /// Whether a write was tried with success.
    async fn check_writes(&self, objections: &mut Objections) -> bool {
        let checked = timeout(self.node.settings.writes_timeout(), self.node.store.check_writes(self.shard));
        match checked.await.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(()) => {
                if std::mem::take(objections).told.is_some() {
                    tracing::info!(server = self.server(), "the session store takes writes again");
                }
                self.node.has_written.store(true, Ordering::Relaxed);
                self.change(|status| (status.writable, status.writes_hang) = (Some(true), false));
                return true;
            }
            Err(error) => {
                let hang = objections.is_repeated_silence(&error);
                // Otherwise that is for the other check to say.
                if self.is_reachable() && (hang || matches!(error, StoreError::Rejected(_))) {
                    self.tell_objection(&error, hang, objections);
                    self.change(|status| (status.writable, status.writes_hang) = (Some(false), hang));
                }
            }
        }
        false
    }

    fn tell_objection(&self, error: &StoreError, hang: bool, objections: &mut Objections) {
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let is_news = objections.told.as_ref() != Some(&reason);
        let (server, error) = (self.server(), error as &dyn Error);
        match (is_news, hang) {
            (true, false) => tracing::warn!(server, error, "the session store rejects writes"),
            (true, true) => tracing::warn!(server, error, "the session store does not reply to writes"),
            (false, false) => tracing::debug!(server, error, "the session store still rejects writes"),
            (false, true) => {
                tracing::debug!(server, error, "the session store still does not reply to writes");
            }
        }
        objections.told = Some(reason);
    }

    /// Keeps up with the shard's time.
    pub(super) async fn keep_time(&self) -> Infallible {
        loop {
            self.until_found_reachable().await;
            self.ask_time().await;
            let known = self.node.time.is_known();
            sleep(if known { TIME_INTERVAL } else { self.node.settings.beat() }).await;
        }
    }

    pub(super) async fn ask_time(&self) {
        let node = &self.node;
        let asked = timeout(node.settings.fence_timeout(), node.ask_time(self.shard)).await;
        match asked.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(time) => {
                if node.unknown_time_told.lock().take().is_some() {
                    tracing::info!("the session store tells its time now");
                }
                time.into_iter().for_each(|time| self.compare_clocks(time));
            }
            Err(error) if !node.time.is_known() && self.is_reachable() => self.tell_unknown_time(&error),
            // What is known goes on.
            Err(error) => {
                tracing::debug!(error = &error as &dyn Error, "the session store does not tell its time");
            }
        }
    }

    /// Once for each cause.
    fn tell_unknown_time(&self, error: &StoreError) {
        let cause = Some(error.source().map_or_else(|| error.to_string(), ToString::to_string));
        let mut told = self.node.unknown_time_told.lock();
        if *told != cause {
            tracing::warn!(
                error = error as &dyn Error,
                "the session store does not tell its time: until it does, new sessions begin by the clock of this node"
            );
            *told = cause;
        }
    }

    fn compare_clocks(&self, theirs: Timestamp) {
        let ours = self.node.clock.timestamp();
        let off_by = ours.since(theirs).max(theirs.since(ours));
        let (off, before) = (off_by >= FAR_OFF, self.status.borrow().of(self.shard).is_clock_skewed);
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
        self.change(|status| status.is_clock_skewed = off);
    }

    /// Tells the shard of deletes that it has not confirmed, whenever it can be reached.
    pub(super) async fn keep_sending_pending_deletes(&self) -> Infallible {
        let mut beat = interval(self.node.settings.beat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut from = 0;
        loop {
            beat.tick().await;
            if self.is_reachable() {
                from = self.node.send_pending_deletes(self.shard, from).await;
            }
        }
    }

    /// The shard is no longer listened to.
    pub(super) fn stop(&self) {
        self.node.time.forget(self.shard);
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

/// What there is against writes to a shard.
#[derive(Debug, Default)]
struct Objections {
    /// The reason that has been logged.
    told: Option<String>,
    /// Checks in a row that had no reply.
    silent: u32,
}

impl Objections {
    /// A single check without a reply may be that of a connection that has just died.
    fn is_repeated_silence(&mut self, error: &StoreError) -> bool {
        self.silent = if matches!(error, StoreError::TimedOut) { self.silent.saturating_add(1) } else { 0 };
        self.silent > 1
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// After so long without a write, whether writes work is asked.
const IDLE_PAUSE: Duration = Duration::from_secs(10);
const TIME_INTERVAL: Duration = Duration::from_secs(60);
/// More than clocks differ that somebody looks after.
const FAR_OFF: Duration = Duration::from_secs(5);
