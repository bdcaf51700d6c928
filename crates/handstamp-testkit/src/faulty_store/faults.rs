use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_store::StoreError;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::held_call::{HeldCall, Hold};

/// Controls the faults of a [`FaultyStore`](crate::FaultyStore). Clones control the same store.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Inner>);

/// The fault of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The call is carried out, and its reply is lost.
    LoseReply,
    /// The call is not carried out, and the store cannot be reached.
    Fail,
    /// The call is not carried out, and the store rejects it.
    Reject,
}

struct Inner {
    mode: watch::Sender<Mode>,
    calls: AtomicUsize,
    replies_to_lose: AtomicUsize,
    delay: Mutex<Duration>,
    /// The faults of the next calls of `replace_with_tombstone`. Further calls work.
    tombstone_faults: Mutex<Box<dyn Iterator<Item = Fault> + Send>>,
    undeletable: Mutex<HashSet<SessionKey>>,
    last_created: Mutex<Option<SessionKey>>,
    held_load: Hold,
    held_delete: Hold,
    rejects_time: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Working,
    Failing,
    Hanging,
    Conflicting,
    RejectingWrites,
    HangingInWrites,
}

impl Faults {
    pub(super) fn none() -> Self {
        Self(Arc::new(Inner {
            mode: watch::Sender::new(Mode::Working),
            calls: AtomicUsize::new(0),
            replies_to_lose: AtomicUsize::new(0),
            delay: Mutex::default(),
            tombstone_faults: Mutex::new(Box::new(std::iter::empty())),
            undeletable: Mutex::default(),
            last_created: Mutex::default(),
            held_load: Hold::default(),
            held_delete: Hold::default(),
            rejects_time: AtomicBool::new(false),
        }))
    }

    /// From now on every call works.
    pub fn work(&self) {
        self.0.mode.send_replace(Mode::Working);
    }

    /// From now on every call fails at once.
    pub fn fail(&self) {
        self.0.mode.send_replace(Mode::Failing);
    }

    /// From now on no call returns, until another mode is commanded.
    pub fn hang(&self) {
        self.0.mode.send_replace(Mode::Hanging);
    }

    /// From now on every save is a conflict.
    pub fn always_conflict(&self) {
        self.0.mode.send_replace(Mode::Conflicting);
    }

    /// From now on every write is rejected, as by a server without memory. Reads work.
    pub fn reject_writes(&self) {
        self.0.mode.send_replace(Mode::RejectingWrites);
    }

    /// From now on no write returns, until another mode is commanded. Reads work.
    pub fn hang_in_writes(&self) {
        self.0.mode.send_replace(Mode::HangingInWrites);
    }

    /// From now on every call takes at least this long.
    pub fn delay(&self, delay: Duration) {
        *self.0.delay.lock() = delay;
    }

    /// Whether the store rejects calls for its time, in any mode.
    pub fn reject_time(&self, reject: bool) {
        self.0.rejects_time.store(reject, Ordering::SeqCst);
    }

    /// Loses the replies to the next `count` calls that create, save, delete, or replace with a tombstone. They are carried out.
    pub fn lose_replies(&self, count: usize) {
        self.0.replies_to_lose.store(count, Ordering::SeqCst);
    }

    /// Sets the faults of the next calls of `replace_with_tombstone`, one for each call. Further calls work.
    pub fn fail_tombstones(&self, faults: impl IntoIterator<Item = Fault, IntoIter: Send + 'static>) {
        *self.0.tombstone_faults.lock() = Box::new(faults.into_iter());
    }

    /// From now on deletes of exactly these sessions fail, in any mode.
    pub fn fail_deletes_of(&self, keys: impl IntoIterator<Item = SessionKey>) {
        *self.0.undeletable.lock() = keys.into_iter().collect();
    }

    /// Holds the next load between its reply and its return.
    #[must_use]
    pub fn hold_next_load(&self) -> HeldCall {
        HeldCall::at(&self.0.held_load)
    }

    /// Holds the next delete between its reply and its return.
    #[must_use]
    pub fn hold_next_delete(&self) -> HeldCall {
        HeldCall::at(&self.0.held_delete)
    }

    /// The number of loads and writes so far. Checks are not counted.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// The key of the record that was created last.
    #[must_use]
    pub fn last_created(&self) -> Option<SessionKey> {
        *self.0.last_created.lock()
    }

    pub(super) async fn before_call(&self) -> Result<(), StoreError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        self.before_check().await
    }

    pub(super) async fn before_write(&self) -> Result<(), StoreError> {
        self.before_call().await?;
        self.until_writable().await
    }

    pub(super) fn before_delete_of(&self, key: &SessionKey) -> Result<(), StoreError> {
        if self.0.undeletable.lock().contains(key) { Err(failure()) } else { Ok(()) }
    }

    pub(super) async fn before_check(&self) -> Result<(), StoreError> {
        let delay = *self.0.delay.lock();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match self.mode_other_than(Mode::Hanging).await {
            Mode::Failing | Mode::Hanging => Err(failure()),
            Mode::Working | Mode::Conflicting | Mode::RejectingWrites | Mode::HangingInWrites => Ok(()),
        }
    }

    pub(super) async fn before_check_of_writes(&self) -> Result<(), StoreError> {
        // A real check consists of several commands, one after the other.
        for _ in 0..3 {
            self.before_check().await?;
        }
        self.until_writable().await
    }

    pub(super) async fn before_time(&self) -> Result<(), StoreError> {
        self.before_check().await?;
        if self.0.rejects_time.load(Ordering::SeqCst) { Err(rejection()) } else { Ok(()) }
    }

    /// The reply, unless it is to be lost.
    pub(super) fn reply<T>(&self, reply: Result<T, StoreError>) -> Result<T, StoreError> {
        let decrement = |count: usize| count.checked_sub(1);
        match self.0.replies_to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement) {
            Ok(_) => Err(lost_reply()),
            Err(_) => reply,
        }
    }

    pub(super) fn next_tombstone_fault(&self) -> Option<Fault> {
        self.0.tombstone_faults.lock().next()
    }

    pub(super) fn always_conflicts(&self) -> bool {
        *self.0.mode.borrow() == Mode::Conflicting
    }

    pub(super) fn note_created(&self, key: &SessionKey) {
        *self.0.last_created.lock() = Some(*key);
    }

    pub(super) fn held_load(&self) -> &Hold {
        &self.0.held_load
    }

    pub(super) fn held_delete(&self) -> &Hold {
        &self.0.held_delete
    }

    async fn until_writable(&self) -> Result<(), StoreError> {
        match self.mode_other_than(Mode::HangingInWrites).await {
            Mode::RejectingWrites => Err(rejection()),
            _ => Ok(()),
        }
    }

    async fn mode_other_than(&self, hanging: Mode) -> Mode {
        let mut mode = self.0.mode.subscribe();
        // The sender lives as long as `self`, so this is no error.
        mode.wait_for(|mode| *mode != hanging).await.map_or(hanging, |mode| *mode)
    }
}

impl Fault {
    pub(super) async fn apply<T>(
        self,
        call: impl AsyncFnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::LoseReply => call().await.and(Err(lost_reply())),
            Self::Fail => Err(failure()),
            Self::Reject => Err(rejection()),
        }
    }
}

fn failure() -> StoreError {
    StoreError::unavailable("commanded to fail")
}

fn rejection() -> StoreError {
    StoreError::rejected("commanded to reject the call")
}

fn lost_reply() -> StoreError {
    StoreError::unavailable("commanded to lose the reply")
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("mode", &*self.mode.borrow()).finish_non_exhaustive()
    }
}
