use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::keys::KeyAge;
use handstamp_core::record::{Record, Revision};
use tokio::time::{Instant, timeout_at};

use super::Lookup;
use super::decoded::{Answer, CacheEntry, Decoded, Loaded};
use super::deletes::Kind;
use super::lane::Lane;
use super::node::{Cached, Node};
use super::retry::again_if_lost;
use crate::{CreateOutcome, SaveOutcome, StoreError, TouchOutcome};

/// The writes of one request: see [`ClusteredStore::writes`](super::ClusteredStore::writes).
///
/// Each takes what is left of the budget at most. After an error it is unknown whether the write was done: this node's copy of
/// the session is out of date, and is served only where the policy for outages says so.
///
/// # Cancel safety
///
/// None of these is safe: whether a write was done is unknown when its future is dropped.
#[derive(Clone, Copy)]
pub struct WriteScope<'n> {
    pub(super) node: &'n Node,
    deadline: Instant,
}

impl<'n> WriteScope<'n> {
    pub(super) fn new(node: &'n Node) -> Self {
        Self { node, deadline: Instant::now() + node.settings.save_budget }
    }

    /// Whether the budget is used up.
    #[must_use]
    pub fn deadline_passed(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Makes sure that the time is known, by which deadlines are set and judged.
    ///
    /// # Errors
    ///
    /// When the store does not tell it in time.
    pub async fn learn_time(self) -> Result<(), StoreError> {
        self.with_deadline(self.node.learn_time()).await?
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
        let ticket = node.cache.begin_fill(&record.key, &lane.freshness);
        let expiry = node.expiry(&record.key, node.clock.now(), ttl);
        let done = |outcome: &CreateOutcome| *outcome == CreateOutcome::Created;
        let outcome = self.write(&lane, || node.store.create(&sealed, ttl), done).await?;
        if outcome == CreateOutcome::Created && node.lies_in(&record.key, &lane) {
            let value = Cached::Present(entry.value);
            let _ = ticket.complete(Some(record.revision), value, entry.size, expiry);
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
        let ticket = node.cache.begin_fill(&record.key, &lane.freshness);
        // After the ticket: a delete that begins from here on spoils it.
        match node.deleted(&record.key) {
            Some(Kind::Move(_)) => return Ok(SaveOutcome::Moved),
            Some(Kind::End | Kind::Erase) => return Ok(SaveOutcome::Gone),
            None => {}
        }
        let expiry = node.expiry(&record.key, node.clock.now(), ttl);
        let invalidation = node.message(&Invalidation::SessionInvalidated(record.key, record.revision));
        // After a save that was done, another may have changed the record again, or ended it: then the second reply is
        // no reply to the first.
        let done = |outcome: &SaveOutcome| *outcome == SaveOutcome::Saved;
        let save = || node.store.save(&sealed, replacing, ttl, invalidation.clone());
        let outcome = self.write(&lane, save, done).await;
        match &outcome {
            Ok(SaveOutcome::Saved) => {
                node.forget(&record.key, Some(record.revision));
                if node.lies_in(&record.key, &lane) {
                    let value = Cached::Present(entry.value);
                    let _ = ticket.complete(Some(record.revision), value, entry.size, expiry);
                }
            }
            Ok(SaveOutcome::Conflict | SaveOutcome::Moved | SaveOutcome::Gone) => {
                node.forget(&record.key, None);
            }
            Err(_) => node.mark_stale(&record.key),
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
        let answer = self.with_deadline(self.node.ask_primary(key)).await??;
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
        let invalidation = node.message(&Invalidation::SessionInvalidated(key, revision));
        let save = || node.store.save(&sealed, replacing, ttl, invalidation.clone());
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

    /// What is left of the budget bounds anything that a write has to wait for.
    ///
    /// # Errors
    ///
    /// When it is used up first.
    pub async fn with_deadline<T>(self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout_at(self.deadline, work).await.map_err(|_| StoreError::TimedOut)
    }

    pub(super) async fn write<T, F>(
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

impl fmt::Debug for WriteScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteScope").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
