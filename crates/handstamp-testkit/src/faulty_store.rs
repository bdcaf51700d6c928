use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Revision};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    CreateOutcome, DeleteOutcome, DeleteScope, SaveOutcome, Shard, Shards, Store, StoreError, Stored,
    TombstoneOutcome, TouchOutcome,
};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::Replica;

/// A store that breaks down on command, and is otherwise the one inside.
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Faults,
    replica: Option<Replica>,
}

impl<S> FaultyStore<S> {
    /// `inner`, with the handle that its faults are commanded through.
    #[must_use]
    pub fn new(inner: S) -> (Self, Faults) {
        let faults = Faults(Arc::new(Inner {
            mode: watch::Sender::new(Mode::Working),
            calls: AtomicUsize::new(0),
            answers_to_lose: AtomicUsize::new(0),
            delay: Mutex::default(),
            retirements: Mutex::new(Box::new(std::iter::empty())),
            undeletable: Mutex::default(),
            last_created: Mutex::default(),
            held_load: Mutex::default(),
            held_delete: Mutex::default(),
            refuses_time: AtomicBool::new(false),
        }));
        (Self { inner, faults: faults.clone(), replica: None }, faults)
    }

    /// With a replica, which is asked whenever that is allowed.
    #[must_use]
    pub fn with_replica(mut self, replica: Replica) -> Self {
        self.replica = Some(replica);
        self
    }
}

/// Commands the faults of a [`FaultyStore`].
#[derive(Clone, Debug)]
pub struct Faults(Arc<Inner>);

/// What becomes of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It is done, and its answer is lost.
    Lose,
    /// It is not done, and it fails.
    Fail,
    /// It is not done, and the store says so.
    Refuse,
}

struct Inner {
    mode: watch::Sender<Mode>,
    calls: AtomicUsize,
    answers_to_lose: AtomicUsize,
    delay: Mutex<Duration>,
    /// What becomes of the next retirements, one after the other. In the end they work.
    retirements: Mutex<Box<dyn Iterator<Item = Fault> + Send>>,
    /// The sessions whose deletes fail.
    undeletable: Mutex<HashSet<SessionKey>>,
    last_created: Mutex<Option<SessionKey>>,
    held_load: Hold,
    held_delete: Hold,
    refuses_time: AtomicBool,
}

/// Where a call stops that is to be held.
type Hold = Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Working,
    Failing,
    Hanging,
    Conflicting,
    Rejecting,
    HangingInWrites,
}

/// A call that has its answer, and has not returned it yet.
#[derive(Debug)]
pub struct HeldCall {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Faults {
    /// From now on every call fails at once.
    pub fn fail(&self) {
        self.0.mode.send_replace(Mode::Failing);
    }

    /// From now on no call returns, until another mode is commanded.
    pub fn hang(&self) {
        self.0.mode.send_replace(Mode::Hanging);
    }

    /// From now on every save finds that somebody else was faster.
    pub fn always_conflict(&self) {
        self.0.mode.send_replace(Mode::Conflicting);
    }

    /// From now on every write is rejected, as by a server without memory. Reads work.
    pub fn reject_writes(&self) {
        self.0.mode.send_replace(Mode::Rejecting);
    }

    /// From now on no write returns, until another mode is commanded. Reads work.
    pub fn hang_in_writes(&self) {
        self.0.mode.send_replace(Mode::HangingInWrites);
    }

    /// From now on every call takes this long.
    pub fn delay(&self, delay: Duration) {
        *self.0.delay.lock() = delay;
    }

    /// Whether the store refuses to tell its time, in whatever mode it is.
    pub fn refuse_time(&self, refuse: bool) {
        self.0.refuses_time.store(refuse, Ordering::SeqCst);
    }

    /// From now on everything works.
    pub fn work(&self) {
        self.0.mode.send_replace(Mode::Working);
    }

    /// Loses the answers to the next `count` creates, saves, deletes and retirements: they are done, and fail.
    pub fn lose_answers(&self, count: usize) {
        self.0.answers_to_lose.store(count, Ordering::SeqCst);
    }

    /// What becomes of the next retirements, one after the other, in the place of what was said before. Then they work.
    pub fn next_retirements(&self, faults: impl IntoIterator<Item = Fault, IntoIter: Send + 'static>) {
        *self.0.retirements.lock() = Box::new(faults.into_iter());
    }

    /// How many calls there have been that ask or change something: all but checks.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Makes the next load stop between the store's answer and its return.
    #[must_use]
    pub fn hold_next_load(&self) -> HeldCall {
        HeldCall::at(&self.0.held_load)
    }

    /// Makes the next delete stop between the store's answer and its return.
    #[must_use]
    pub fn hold_next_delete(&self) -> HeldCall {
        HeldCall::at(&self.0.held_delete)
    }

    /// From now on deletes of these sessions fail, even where everything else works.
    pub fn fail_deletes_of(&self, keys: impl IntoIterator<Item = SessionKey>) {
        *self.0.undeletable.lock() = keys.into_iter().collect();
    }

    /// The key of the record that was created last.
    #[must_use]
    pub fn last_created(&self) -> Option<SessionKey> {
        *self.0.last_created.lock()
    }

    async fn call(&self) -> Result<(), StoreError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        self.in_working_order().await
    }

    /// A call that changes something.
    async fn write(&self) -> Result<(), StoreError> {
        self.call().await?;
        self.writable().await
    }

    async fn writable(&self) -> Result<(), StoreError> {
        let mut mode = self.0.mode.subscribe();
        // The sender lives as long as `self`.
        let mode = mode.wait_for(|mode| *mode != Mode::HangingInWrites).await.map(|mode| *mode);
        match mode {
            Ok(Mode::Rejecting) => Err(StoreError::rejected("told to reject writes")),
            _ => Ok(()),
        }
    }

    /// The answer, unless it is to be lost.
    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let one_less = |count: usize| count.checked_sub(1);
        match self.0.answers_to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Err(lost()),
            Err(_) => answer,
        }
    }

    async fn in_working_order(&self) -> Result<(), StoreError> {
        let delay = *self.0.delay.lock();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let mut mode = self.0.mode.subscribe();
        // The sender lives as long as `self`.
        let mode = mode.wait_for(|mode| *mode != Mode::Hanging).await.map(|mode| *mode);
        match mode {
            Ok(Mode::Working | Mode::Conflicting | Mode::Rejecting | Mode::HangingInWrites) => Ok(()),
            _ => Err(StoreError::unavailable("told to fail")),
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("mode", &*self.mode.borrow()).finish_non_exhaustive()
    }
}

fn lost() -> StoreError {
    StoreError::unavailable("told to lose the answer")
}

impl HeldCall {
    fn at(hold: &Hold) -> Self {
        let (reached_sender, reached) = oneshot::channel();
        let (release, release_receiver) = oneshot::channel();
        *hold.lock() = Some((reached_sender, release_receiver));
        Self { reached, release }
    }

    /// Waits until the call has its answer.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.expect("the call that was to be held was dropped");
    }

    /// Lets the call return.
    pub fn release(self) {
        let _ = self.release.send(());
    }
}

async fn until_released(hold: &Hold) {
    let held = hold.lock().take();
    if let Some((reached, release)) = held {
        let _ = reached.send(());
        let _ = release.await;
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        self.faults.call().await?;
        let stored = self.inner.load(key).await;
        until_released(&self.faults.0.held_load).await;
        stored
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        self.faults.write().await?;
        *self.faults.0.last_created.lock() = Some(*record.key());
        self.faults.answer(self.inner.create(record, ttl).await)
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        self.faults.write().await?;
        if *self.faults.0.mode.borrow() == Mode::Conflicting {
            return Ok(SaveOutcome::Conflict);
        }
        self.faults.answer(self.inner.save(record, replacing, ttl, invalidation).await)
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        self.faults.write().await?;
        self.inner.touch(key, ttl).await
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        spare: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        self.faults.write().await?;
        if self.faults.0.undeletable.lock().contains(tombstone.key()) {
            return Err(StoreError::unavailable("told to fail"));
        }
        let deleted = self.inner.delete(tombstone, ttl, spare, invalidation).await;
        until_released(&self.faults.0.held_delete).await;
        self.faults.answer(deleted)
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        self.faults.write().await?;
        let fault = self.faults.0.retirements.lock().next();
        match fault {
            Some(Fault::Fail) => return Err(StoreError::unavailable("told to fail")),
            Some(Fault::Refuse) => return Err(StoreError::rejected("told to refuse")),
            Some(Fault::Lose) | None => {}
        }
        let outcome = self.inner.replace_with_tombstone(tombstone, replacing, ttl, invalidation).await;
        if fault.is_some() { Err(lost()) } else { self.faults.answer(outcome) }
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        self.faults.in_working_order().await?;
        self.inner.keep_tombstone(tombstone, ttl).await
    }

    fn report_forged(&self, key: &SessionKey) {
        self.inner.report_forged(key);
    }

    fn shards(&self) -> Shards {
        self.inner.shards()
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        self.inner.shard_of(key)
    }

    async fn load_from_replica(&self, key: &SessionKey) -> Option<Stored> {
        match &self.replica {
            Some(replica) => replica.load(key),
            None => self.inner.load_from_replica(key).await,
        }
    }

    fn reads_from_replicas(&self) -> bool {
        self.replica.is_some() || self.inner.reads_from_replicas()
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        self.inner.server_of(shard)
    }

    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        self.faults.in_working_order().await?;
        self.inner.ping_primary(shard).await
    }

    async fn check_writes(&self, shard: Shard) -> Result<(), StoreError> {
        // As many commands, one after the other.
        for _ in 0..3 {
            self.faults.in_working_order().await?;
        }
        self.faults.writable().await?;
        self.inner.check_writes(shard).await
    }

    async fn time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        self.faults.in_working_order().await?;
        if self.faults.0.refuses_time.load(Ordering::SeqCst) {
            return Err(StoreError::rejected("told to refuse the time"));
        }
        self.inner.time(shard).await
    }
}
