use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::keys::KeyAge;
use handstamp_core::record::{Record, Revision, Tombstone};
use tokio::time::{Instant, timeout_at};

use super::Lookup;
use super::decoded::{Answer, CacheEntry, Decoded, Loaded};
use super::deletes::{Again, Kind, Outcome};
use super::lane::{Lane, Sent};
use super::node::{Cached, Node};
use super::retry::again_if_lost;
use crate::{CreateOutcome, DeleteOutcome, RetireOutcome, SaveOutcome, Spare, StoreError, TouchOutcome};

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
        let sealed = node.sealer.seal(record)?;
        let lane = node.lane_of(&record.key);
        let ticket = node.cache.begin(&record.key, &lane.feed);
        let in_date = node.in_date(&record.key, node.clock.now(), ttl);
        let done = |outcome: &CreateOutcome| *outcome == CreateOutcome::Created;
        let outcome = self.write(&lane, || node.store.create(&sealed, ttl), done).await?;
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
        let sealed = node.sealer.seal(record)?;
        let lane = node.lane_of(&record.key);
        let ticket = node.cache.begin(&record.key, &lane.feed);
        // After the ticket: a delete that begins from here on spoils it.
        match node.deleted(&record.key) {
            Some(Kind::Move(_)) => return Ok(SaveOutcome::Moved),
            Some(Kind::End | Kind::Erase) => return Ok(SaveOutcome::Gone),
            None => {}
        }
        let in_date = node.in_date(&record.key, node.clock.now(), ttl);
        let notice = node.message(&Invalidation::SessionInvalidated(record.key, record.revision));
        // After a save that was done, another may have changed the record again, or ended it: then the second reply is
        // no reply to the first.
        let done = |outcome: &SaveOutcome| *outcome == SaveOutcome::Saved;
        let save = || node.store.save(&sealed, replacing, ttl, notice.clone());
        let outcome = self.write(&lane, save, done).await;
        match &outcome {
            Ok(SaveOutcome::Saved) => {
                node.forget(&record.key, Some(record.revision));
                if node.lies_in(&record.key, &lane) {
                    let value = Cached::Present(entry.value);
                    let _ = ticket.complete(Some(record.revision), value, entry.size, in_date);
                }
            }
            Ok(SaveOutcome::Conflict | SaveOutcome::Moved | SaveOutcome::Gone) => {
                node.forget(&record.key, None);
            }
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
        match node.deleted(key) {
            Some(Kind::Move(_)) => return Ok(TouchOutcome::Moved),
            Some(Kind::End | Kind::Erase) => return Ok(TouchOutcome::Gone),
            None => {}
        }
        let outcome = self.write(&node.lane_of(key), || node.store.touch(key, ttl), |_| true).await?;
        if outcome != TouchOutcome::Touched {
            node.forget(key, None);
        }
        Ok(outcome)
    }

    /// [`touch`](Self::touch) for a record that is sealed under a key that no longer seals, or not yet: saves it as it is under
    /// the key that does, so that the other key can be taken out of use.
    ///
    /// # Errors
    ///
    /// As with [`touch`](Self::touch).
    pub async fn reseal(self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        match self.ask(key).await? {
            Ok(loaded) => self.save_resealed(loaded.record, ttl).await,
            Err(gone) => Ok(gone),
        }
    }

    /// Makes sure that a session is there before its cookie is issued anew. Returns whether its record is sealed under the key that
    /// seals today; `None` if it is not there.
    ///
    /// The record is sealed anew if need be, unless another node has done that [within `pause`](Loaded::is_contested).
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn confirm(
        self,
        key: &SessionKey,
        ttl: Duration,
        pause: Duration,
    ) -> Result<Option<KeyAge>, StoreError> {
        let Ok(loaded) = self.ask(key).await? else { return Ok(None) };
        if loaded.key_age == KeyAge::Current || loaded.is_contested(self.node.timestamp(), pause) {
            return Ok(Some(loaded.key_age));
        }
        // This is no use of the session.
        let ttl = loaded.remaining.map_or(ttl, |remaining| remaining.min(ttl));
        let saved = self.save_resealed(loaded.record, ttl).await?;
        Ok((saved == TouchOutcome::Touched).then_some(KeyAge::Current))
    }

    /// What the store knows of `key` now, past the local cache, which does not learn of it. Unlike other loads, this takes what is left of
    /// the budget, and waits for none of them.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or `decode` fails.
    pub async fn load<V, E, F>(self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        Ok(match self.ask(key).await? {
            Ok(loaded) => match decode(loaded)? {
                Decoded::Session { entry, .. } => Lookup::Found(entry.value),
                Decoded::Expired => Lookup::Absent,
                Decoded::Unreadable => Lookup::Unreadable,
            },
            Err(TouchOutcome::Moved) => Lookup::Moved,
            Err(TouchOutcome::Gone | TouchOutcome::Touched) => Lookup::Ended,
        })
    }

    /// What the primary has now, or why there is no session.
    async fn ask(self, key: &SessionKey) -> Result<Result<Loaded, TouchOutcome>, StoreError> {
        match self.node.deleted(key) {
            Some(Kind::Move(_)) => return Ok(Err(TouchOutcome::Moved)),
            Some(Kind::End | Kind::Erase) => return Ok(Err(TouchOutcome::Gone)),
            None => {}
        }
        let answer = self.within_budget(self.node.ask_primary(key)).await??;
        if !matches!(answer, Answer::Session(_)) {
            self.node.forget(key, None);
        }
        Ok(match answer {
            Answer::Session(loaded) => Ok(loaded),
            Answer::Moved { .. } => Err(TouchOutcome::Moved),
            Answer::Ended | Answer::Nothing => Err(TouchOutcome::Gone),
        })
    }

    async fn save_resealed(self, mut record: Record, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let (node, key, replacing) = (self.node, record.key, record.revision);
        let Ok(revision) = replacing.next() else { return self.touch(&key, ttl).await };
        (record.revision, record.saved_at) = (revision, node.timestamp());
        let sealed = node.sealer.seal(&record)?;
        let notice = node.message(&Invalidation::SessionInvalidated(key, revision));
        let save = || node.store.save(&sealed, replacing, ttl, notice.clone());
        let done = |outcome: &SaveOutcome| *outcome == SaveOutcome::Saved;
        let saved = self.write(&node.lane_of(&key), save, done).await;
        node.forget(&key, None);
        match saved? {
            SaveOutcome::Saved => Ok(TouchOutcome::Touched),
            SaveOutcome::Moved => Ok(TouchOutcome::Moved),
            SaveOutcome::Gone => Ok(TouchOutcome::Gone),
            // Another request has saved it meanwhile.
            SaveOutcome::Conflict => self.touch(&key, ttl).await,
        }
    }

    /// Ends a session, for all nodes and for good, and wherever it has moved to.
    ///
    /// Follows the tombstones of a session that has moved, and deletes the predecessor that a record names, so that no id that the
    /// browser has ever held is of use. Sends nothing for a session that this node itself has deleted in the last half minute, as long as
    /// it is certain that no other server has taken over. The cache is not asked: a failover may have undone the delete of another node.
    ///
    /// # Errors
    ///
    /// When the store does not confirm all of that in time. The session is then over on this node at once, and the delete is sent again
    /// until the store confirms it, as long as this node runs. If the node remembers too many deletes already, neither
    /// is true, and an error is logged.
    pub async fn end(self, key: &SessionKey) -> Result<EndOutcome, StoreError> {
        let (mut key, mut failed) = (*key, None);
        for _ in 0..=MOST_MOVES {
            let known = match self.node.deleted(&key) {
                Some(Kind::Move(successor)) => Some(successor),
                Some(Kind::End | Kind::Erase) | None => None,
            };
            let ended = match self.end_at(&key, known).await {
                Ok(Found::Moved(successor)) => {
                    key = successor;
                    continue;
                }
                Ok(Found::Record) => Ok(EndOutcome::Ended),
                Ok(Found::Ended) => Ok(EndOutcome::HadEnded),
                Ok(Found::Nothing) => Ok(EndOutcome::Absent),
                Err(error) => {
                    let error = failed.take().unwrap_or(error);
                    let Some(successor) = known else { return Err(error) };
                    (key, failed) = (successor, Some(error));
                    continue;
                }
            };
            return failed.map_or(ended, Err);
        }
        Err(StoreError::unavailable("the session has moved to another id too often"))
    }

    /// Deletes the record of `key`, and does not follow a session that has moved. If the session has moved to a `successor`, the
    /// tombstone says so.
    ///
    /// If the session has ended under `key` before, a logout has found it there although it had moved. Then the record of the successor is
    /// deleted, too.
    ///
    /// # Errors
    ///
    /// As with [`end`](Self::end).
    pub async fn erase(
        self,
        key: &SessionKey,
        successor: Option<SessionKey>,
    ) -> Result<EndOutcome, StoreError> {
        let deleted = self.erase_one(key, successor).await?;
        self.end_successor(&deleted, successor).await?;
        Ok(match deleted {
            DeleteOutcome::Deleted | DeleteOutcome::Moved(_) | DeleteOutcome::Spared(_) => EndOutcome::Ended,
            DeleteOutcome::Gone => EndOutcome::HadEnded,
            DeleteOutcome::Absent => EndOutcome::Absent,
        })
    }

    /// Repeats a delete that this node remembers. Returns whether there was a record.
    pub(super) async fn delete_again(self, key: &SessionKey, again: Again) -> Result<bool, StoreError> {
        let successor = match again {
            Again::End => return Ok(self.end(key).await? == EndOutcome::Ended),
            Again::Erase(successor) => successor,
        };
        let (node, sent) = (self.node, Sent::to(self.node.lane_of(key)));
        let deleted = self.delete_at(&sent.lane, &tombstone(*key, successor)?, Spare::Nothing).await;
        node.deletes.sent_again(key, sent.lane.shard, outcome_of(&deleted), node.clock.now());
        node.repeat_if_switched(key, &sent);
        node.forget(key, None);
        let deleted = deleted?;
        self.end_successor(&deleted, successor).await?;
        Ok(deleted == DeleteOutcome::Deleted)
    }

    async fn erase_one(
        self,
        key: &SessionKey,
        successor: Option<SessionKey>,
    ) -> Result<DeleteOutcome, StoreError> {
        let (node, sent) = (self.node, Sent::to(self.node.lane_of(key)));
        let kind = successor.map_or(Kind::Erase, Kind::Move);
        let deleted = self.delete_at(&sent.lane, &tombstone(*key, successor)?, Spare::Nothing).await;
        node.remember_delete(key, &sent, kind, outcome_of(&deleted), true);
        node.forget(key, None);
        deleted
    }

    /// Passes on a logout that has found the session under the id that it had before.
    async fn end_successor(
        self,
        deleted: &DeleteOutcome,
        successor: Option<SessionKey>,
    ) -> Result<(), StoreError> {
        if let (DeleteOutcome::Gone, Some(successor)) = (deleted, successor) {
            let _ = self.erase_one(&successor, None).await?;
        }
        Ok(())
    }

    /// Takes back a session of which nobody has heard, as far as that can be done: should it fail, the record goes with
    /// its time.
    pub async fn take_back(self, key: &SessionKey) {
        if let Ok(tombstone) = tombstone(*key, None) {
            let _ = self.delete_at(&self.node.lane_of(key), &tombstone, Spare::Nothing).await;
        }
        self.node.forget(key, None);
    }

    /// Puts a tombstone in the place of the record of a session that has moved to another id, if it has the revision `replacing`.
    /// Repeating it with the same `tombstone`, which lasts for `ttl`, tells whether it had been done.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn retire(
        self,
        tombstone: &Tombstone,
        replacing: Revision,
        ttl: Duration,
    ) -> Result<RetireOutcome, StoreError> {
        let (node, key) = (self.node, &tombstone.key);
        match node.deleted(key) {
            Some(Kind::Move(successor)) if Some(successor) != tombstone.successor => {
                return Ok(RetireOutcome::Moved);
            }
            Some(Kind::End | Kind::Erase) => return Ok(RetireOutcome::Gone),
            Some(Kind::Move(_)) | None => {}
        }
        let notice = node.message(&Invalidation::SessionMoved(*key));
        let sealed = node.sealer.seal_tombstone(tombstone);
        // The tombstone tells whether it was done.
        let retire = || node.store.retire(&sealed, replacing, ttl, notice.clone());
        let sent = Sent::to(node.lane_of(key));
        let outcome = self.write(&sent.lane, retire, |_| true).await;
        match outcome {
            Ok(outcome) => {
                if outcome == RetireOutcome::Retired {
                    let kind = tombstone.successor.map_or(Kind::Erase, Kind::Move);
                    node.remember_delete(key, &sent, kind, Outcome::Deleted, true);
                }
                node.forget(key, None);
            }
            Err(_) => node.doubt(key),
        }
        outcome
    }

    /// This node has heard that [`retire`](Self::retire) was done: from now on the tombstone lasts as long as that of a deleted
    /// session, for half a minute.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn confirm_retired(self, tombstone: &Tombstone) -> Result<(), StoreError> {
        let (node, sealed) = (self.node, self.node.sealer.seal_tombstone(tombstone));
        let lane = node.lane_of(&tombstone.key);
        self.write(&lane, || node.store.keep_tombstone(&sealed, TOMBSTONE_TTL), |()| true).await
    }

    /// What is left of the budget bounds anything that a write has to wait for.
    ///
    /// # Errors
    ///
    /// When it is used up first.
    pub async fn within_budget<T>(self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout_at(self.deadline, work).await.map_err(|_| StoreError::TimedOut)
    }

    /// Ends the session that lies under this key, or has moved to the `known` one.
    async fn end_at(self, key: &SessionKey, known: Option<SessionKey>) -> Result<Found, StoreError> {
        let node = self.node;
        if node.is_delete_confirmed(key) {
            return Ok(Found::Ended);
        }
        let held = node.cache.holds(key);
        let sent = Sent::to(node.lane_of(key));
        let found = self.delete_with_predecessor(key, &sent.lane, held).await;
        let found = found.and_then(|deleted| node.found(deleted)).map(|found| match (found, known) {
            // The tombstone was lost in a failover, or its time is up.
            (Found::Record | Found::Ended | Found::Nothing, Some(successor)) => Found::Moved(successor),
            (found, _) => found,
        });
        let outcome = match &found {
            Ok(Found::Record) => Outcome::Deleted,
            Ok(Found::Moved(successor)) => Outcome::Moved(*successor),
            Ok(Found::Ended | Found::Nothing) => Outcome::Absent,
            Err(_) => Outcome::Unconfirmed,
        };
        // Without a reply, only this node knows where the session is.
        let kind = known.filter(|_| found.is_err()).map_or(Kind::End, Kind::Move);
        node.remember_delete(key, &sent, kind, outcome, held);
        node.forget(key, None);
        if let Ok(Found::Record | Found::Ended | Found::Nothing) = found {
            node.remember_ended(key);
        }
        found
    }

    async fn delete_with_predecessor(
        self,
        key: &SessionKey,
        lane: &Lane,
        held: bool,
    ) -> Result<DeleteOutcome, StoreError> {
        let tombstone = tombstone(*key, None)?;
        let mut deleted = self.delete_at(lane, &tombstone, Spare::Successors).await?;
        if let DeleteOutcome::Spared(record) = &deleted {
            // At the same time: a shard that is away must not keep the session of another one alive.
            let predecessor = self.node.predecessor(record);
            let erase_predecessor = async {
                match &predecessor {
                    Some(predecessor) => self.erase_one(predecessor, None).await.map(drop),
                    None => Ok(()),
                }
            };
            let delete = self.delete_at(lane, &tombstone, Spare::Nothing);
            let (erased, session) = tokio::join!(erase_predecessor, delete);
            erased?;
            deleted = session?;
        }
        if deleted == DeleteOutcome::Absent && held {
            // Something else than this library has removed it, so that nobody was told.
            self.announce_delete(key).await?;
        }
        Ok(deleted)
    }

    async fn delete_at(
        self,
        lane: &Lane,
        tombstone: &Tombstone,
        spare: Spare,
    ) -> Result<DeleteOutcome, StoreError> {
        let node = self.node;
        let notice = node.message(&match tombstone.successor {
            Some(_) => Invalidation::SessionMoved(tombstone.key),
            None => Invalidation::SessionDeleted(tombstone.key),
        });
        let sealed = node.sealer.seal_tombstone(tombstone);
        self.write(lane, || node.store.delete(&sealed, TOMBSTONE_TTL, spare, notice.clone()), |_| true).await
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

impl Node {
    /// # Errors
    ///
    /// When the session has moved, and this node cannot tell where to.
    fn found(&self, deleted: DeleteOutcome) -> Result<Found, StoreError> {
        Ok(match deleted {
            DeleteOutcome::Deleted => Found::Record,
            DeleteOutcome::Moved(tombstone) => {
                self.successor(&tombstone)?.map_or(Found::Nothing, Found::Moved)
            }
            DeleteOutcome::Gone => Found::Ended,
            DeleteOutcome::Spared(_) | DeleteOutcome::Absent => Found::Nothing,
        })
    }
}

/// What became of [`Writes::end`] or [`Writes::erase`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndOutcome {
    /// The session has ended now.
    Ended,
    /// The session had ended before, less than half a minute ago.
    HadEnded,
    /// There is no such session, and no trace of one.
    Absent,
}

/// What there is under a key whose session is to end.
enum Found {
    Record,
    /// The session has moved to this key.
    Moved(SessionKey),
    /// It has ended before.
    Ended,
    Nothing,
}

fn tombstone(key: SessionKey, successor: Option<SessionKey>) -> Result<Tombstone, StoreError> {
    let revision = Revision::first().map_err(StoreError::unavailable)?;
    Ok(Tombstone { key, revision, successor, same_subject: false })
}

fn outcome_of(deleted: &Result<DeleteOutcome, StoreError>) -> Outcome {
    match deleted {
        Ok(DeleteOutcome::Deleted | DeleteOutcome::Moved(_)) => Outcome::Deleted,
        Ok(DeleteOutcome::Spared(_) | DeleteOutcome::Gone | DeleteOutcome::Absent) => Outcome::Absent,
        Err(_) => Outcome::Unconfirmed,
    }
}

impl fmt::Debug for Writes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// How long late requests find the tombstone of a session.
pub(super) const TOMBSTONE_TTL: Duration = Duration::from_secs(30);
/// A logout follows a session that has been renewed so many times within the life of a tombstone.
const MOST_MOVES: usize = 8;
