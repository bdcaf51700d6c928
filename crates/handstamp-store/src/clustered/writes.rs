use std::any::Any;
use std::fmt;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::record::{Mark, Record, Revision};
use tokio::time::{Instant, timeout_at};

use super::decoded::CacheEntry;
use super::deletes::Outcome;
use super::lane::{Lane, Sent};
use super::node::{Cached, Node};
use super::retry::again_if_lost;
use crate::{CreateOutcome, RetireOutcome, SaveOutcome, StoreError, TouchOutcome};

/// The writes of one request: see [`ClusteredStore::writes`](super::ClusteredStore::writes).
///
/// Each takes what is left of the budget at most. After an error it is unknown whether the write was done: this node's copy of
/// the session is out of date, and is served only where the policy for outages says so.
///
/// # Cancel safety
///
/// None of these is safe: whether a write was done is unknown when its future is dropped.
#[derive(Clone, Copy)]
pub struct Writes<'n> {
    node: &'n Node,
    deadline: Instant,
}

impl<'n> Writes<'n> {
    pub(super) fn new(node: &'n Node) -> Self {
        Self { node, deadline: Instant::now() + node.settings.save_budget }
    }

    /// Whether the budget is used up.
    #[must_use]
    pub fn out_of_time(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Makes sure that the time is known, by which deadlines are set and judged.
    ///
    /// # Errors
    ///
    /// When the store does not tell it in time.
    pub async fn learn_time(self) -> Result<(), StoreError> {
        self.within_budget(self.node.learn_time()).await?
    }

    /// Keeps a new session. Its key is not known to anybody else yet.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn create<V: Any + Send + Sync>(
        self,
        record: &Record,
        ttl: Duration,
        entry: CacheEntry<V>,
    ) -> Result<CreateOutcome, StoreError> {
        let node = self.node;
        let lane = node.lane_of(&record.key);
        let ticket = node.cache.begin(&record.key, &lane.feed);
        let in_date = node.in_date(&record.key, node.clock.now(), ttl);
        let done = |outcome: &CreateOutcome| *outcome == CreateOutcome::Created;
        let outcome = self.write(&lane, || node.store.create(record, ttl), done).await?;
        if outcome == CreateOutcome::Created && node.lies_in(&record.key, &lane) {
            let value = Cached::Present(entry.value);
            let _ = ticket.complete(Some(record.revision), value, entry.size, in_date);
        }
        Ok(outcome)
    }

    /// Puts a record in the place of the one with revision `replacing`. Repeating it with the same record tells
    /// whether it had been done.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn save<V: Any + Send + Sync>(
        self,
        record: &Record,
        replacing: Revision,
        ttl: Duration,
        entry: CacheEntry<V>,
    ) -> Result<SaveOutcome, StoreError> {
        let node = self.node;
        let lane = node.lane_of(&record.key);
        let ticket = node.cache.begin(&record.key, &lane.feed);
        // After the ticket: a delete that begins from here on spoils it.
        if node.has_deleted(&record.key) {
            return Ok(SaveOutcome::Gone);
        }
        let in_date = node.in_date(&record.key, node.clock.now(), ttl);
        let notice = node.message(&Invalidation::SessionInvalidated(record.key, record.revision));
        // After a save that was done, another may have changed the record again, or ended it: then the second reply is
        // no reply to the first.
        let done = |outcome: &SaveOutcome| *outcome == SaveOutcome::Saved;
        let save = || node.store.save(record, replacing, ttl, notice.clone());
        let outcome = self.write(&lane, save, done).await;
        match &outcome {
            Ok(SaveOutcome::Saved) => {
                node.forget(&record.key, Some(record.revision));
                if node.lies_in(&record.key, &lane) {
                    let value = Cached::Present(entry.value);
                    let _ = ticket.complete(Some(record.revision), value, entry.size, in_date);
                }
            }
            Ok(SaveOutcome::Conflict | SaveOutcome::Gone) => node.forget(&record.key, None),
            Err(_) => node.doubt(&record.key),
        }
        outcome
    }

    /// Gives a session the time to live `ttl`.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn touch(self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let node = self.node;
        if node.has_deleted(key) {
            return Ok(TouchOutcome::Gone);
        }
        let outcome = self.write(&node.lane_of(key), || node.store.touch(key, ttl), |_| true).await?;
        if outcome == TouchOutcome::Gone {
            node.forget(key, None);
        }
        Ok(outcome)
    }

    /// Ends a session, for all nodes and for good. Returns whether there was one.
    ///
    /// Sends nothing for a session that this node itself has deleted in the last half minute, as long as it is certain that no
    /// other server has taken over. The cache is not asked: a failover may have undone the delete of another node.
    ///
    /// # Errors
    ///
    /// When the store does not confirm it in time. The session is then over on this node at once, and the delete is sent again
    /// until the store confirms it, as long as this node runs. If the node remembers too many deletes already, neither
    /// is true, and an error is logged.
    pub async fn delete(self, key: &SessionKey) -> Result<bool, StoreError> {
        let node = self.node;
        if node.is_delete_confirmed(key) {
            return Ok(false);
        }
        let held = node.cache.holds(key);
        let sent = Sent::to(node.lane_of(key));
        let deleted = match self.delete_once(key, &sent.lane, |_| true).await {
            // Something else than this library has removed it, so that nobody was told.
            Ok(false) if held => self.announce_delete(key).await.map(|()| false),
            deleted => deleted,
        };
        node.remember_delete(key, &sent, outcome_of(&deleted), held);
        node.forget(key, None);
        if deleted.is_ok() {
            node.remember_absence(key);
        }
        deleted
    }

    /// Repeats a delete that this node remembers.
    pub(super) async fn delete_again(self, key: &SessionKey) -> Result<bool, StoreError> {
        // That nothing was there at the second attempt may be due to the first one, and is then to be heard once more.
        let node = self.node;
        let sent = Sent::to(node.lane_of(key));
        let deleted = self.delete_once(key, &sent.lane, |deleted| *deleted).await;
        node.deletes.sent_again(key, sent.lane.shard, outcome_of(&deleted), node.clock.now());
        node.repeat_if_switched(key, &sent);
        node.forget(key, None);
        deleted
    }

    /// Takes back a session of which nobody has heard, as far as that can be done: should it fail, the record goes with
    /// its time.
    pub async fn take_back(self, key: &SessionKey) {
        let _ = self.delete_once(key, &self.node.lane_of(key), |_| true).await;
        self.node.forget(key, None);
    }

    /// Ends the record of a session that has moved to another id, if it has this revision. Repeating it with the same
    /// `mark`, which lasts for `ttl`, tells whether it had been done.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn retire(
        self,
        key: &SessionKey,
        revision: Revision,
        mark: Mark,
        ttl: Duration,
    ) -> Result<RetireOutcome, StoreError> {
        let node = self.node;
        if node.has_deleted(key) {
            return Ok(RetireOutcome::Gone);
        }
        let notice = node.message(&Invalidation::SessionDeleted(*key));
        // The mark tells whether it was done.
        let retire = || node.store.retire(key, revision, mark, ttl, notice.clone());
        let sent = Sent::to(node.lane_of(key));
        let outcome = self.write(&sent.lane, retire, |_| true).await;
        match outcome {
            Ok(outcome) => {
                if outcome == RetireOutcome::Retired {
                    node.remember_delete(key, &sent, Outcome::Retired, true);
                }
                node.forget(key, None);
            }
            Err(_) => node.doubt(key),
        }
        outcome
    }

    /// Takes away what [`retire`](Self::retire) left.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn unmark(self, key: &SessionKey, mark: Mark) -> Result<(), StoreError> {
        self.write(&self.node.lane_of(key), || self.node.store.unmark(key, mark), |()| true).await
    }

    /// What is left of the budget bounds anything that a write has to wait for.
    ///
    /// # Errors
    ///
    /// When it is used up first.
    pub async fn within_budget<T>(self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout_at(self.deadline, work).await.map_err(|_| StoreError::TimedOut)
    }

    async fn delete_once(
        self,
        key: &SessionKey,
        lane: &Lane,
        tells: impl Fn(&bool) -> bool,
    ) -> Result<bool, StoreError> {
        let notice = self.node.message(&Invalidation::SessionDeleted(*key));
        self.write(lane, || self.node.store.delete(key, notice.clone()), tells).await
    }

    async fn announce_delete(self, key: &SessionKey) -> Result<(), StoreError> {
        let message = self.node.message(&Invalidation::SessionDeleted(*key));
        let published = self.node.bus.publish(self.node.store.shard_of(key), message);
        self.within_budget(published).await?.map_err(StoreError::unavailable)
    }

    async fn write<T, F>(
        self,
        lane: &Lane,
        call: impl FnMut() -> F,
        tells: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.node.check_open()?;
        let written = timeout_at(self.deadline, again_if_lost(call, tells)).await;
        let written = written.unwrap_or(Err(StoreError::TimedOut));
        match &written {
            Ok(_) => lane.writes.done(self.node.clock.now()),
            Err(_) => lane.writes.failed(),
        }
        written
    }
}

fn outcome_of(deleted: &Result<bool, StoreError>) -> Outcome {
    match deleted {
        Ok(true) => Outcome::Deleted,
        Ok(false) => Outcome::Absent,
        Err(_) => Outcome::Unconfirmed,
    }
}

impl fmt::Debug for Writes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
