use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionId;
use handstamp_core::record::{Mark, Revision};
use handstamp_store::{Backoff, CreateOutcome, RetireOutcome, SaveOutcome, StoreError, Writes};
use tokio::time::{Instant, sleep};

use super::change::{Change, changed};
use super::guard::guarded;
use super::queue::Queues;
use super::sealed::Sealed;
use super::snapshot::{Envelope, Snapshot};
use super::together::reload;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// A session on its way to a new id. The new record is made first, since nobody knows its id yet; then the old one is
/// retired, unless it was changed in between: those changes move too. Whatever breaks off before that leaves the old
/// session as it was.
pub(super) struct Renewal<T: SessionData> {
    shared: Arc<Shared<T>>,
    changes: Vec<Change<T>>,
    /// What the new record was made of.
    base: Arc<Snapshot<T>>,
    moved: Arc<Snapshot<T>>,
    mark: Mark,
    ttl: Duration,
    /// Whether the browser has the new id already.
    handed_out: bool,
}

/// Why a session has no new id, or may have none.
pub(super) enum NotRenewed<T> {
    /// It is as it was, or gone.
    No(SessionError),
    /// The store did not say whether the old record is retired. Until it does, this goes on in the background; the
    /// browser gets the new id, because the old one may be of no use any more.
    Unknown(SessionId, Arc<Snapshot<T>>, StoreError),
}

/// What has become of the old record.
enum Settled {
    /// It is retired.
    Renewed,
    /// It is as it was, or gone; and there is no new one.
    Undone(SessionError),
    /// The store did not say.
    Unknown(StoreError),
}

/// What has become of an attempt to bring the new record up to date.
enum CaughtUp {
    Yes,
    /// The browser, which has the new id already, has changed the session under it.
    InUse,
    /// It has ended the session.
    Ended,
}

impl<T: SessionData> Renewal<T> {
    /// Moves the session, with `data`, which is that of `base` with all `changes` made.
    pub(super) async fn run(
        shared: &Arc<Shared<T>>,
        writes: Writes<'_>,
        base: Arc<Snapshot<T>>,
        data: Arc<T>,
        changes: Vec<Change<T>>,
        restart: bool,
    ) -> Result<(SessionId, Arc<Snapshot<T>>), NotRenewed<T>> {
        // As long as this lasts, nobody on this node changes the session under our hands.
        let turn = Queues::turn(shared, writes, base.envelope.key).await?;
        base.check_writable()?;
        let id = SessionId::generate().map_err(SessionError::from)?;
        let mut envelope = Envelope { key: shared.namespace().session_key(&id), ..base.envelope.next()? };
        if restart || guarded(|| is_login(&*base.data, &*data))? {
            envelope.created_at = shared.store().timestamp();
            envelope.expires_at = shared.timeouts().deadline(envelope.created_at);
        }
        let Sealed { record, entry, ttl } = Sealed::new(shared, envelope, &data)?;
        match writes.create(&record, ttl, entry.clone()).await {
            Ok(CreateOutcome::Created) => {}
            Ok(CreateOutcome::Exists) => return Err(SessionError::Conflict.into()),
            Err(error) => {
                // It may have been made all the same.
                writes.take_back(&envelope.key).await;
                return Err(SessionError::from(error).into());
            }
        }
        let mark = Mark::new(Revision::first().map_err(SessionError::from)?);
        let mut renewal =
            Self { shared: shared.clone(), changes, base, moved: entry.value, mark, ttl, handed_out: false };
        match renewal.settle(writes).await {
            Settled::Renewed => Ok((id, renewal.moved)),
            Settled::Undone(error) => Err(error.into()),
            Settled::Unknown(error) => {
                drop(turn);
                let moved = renewal.moved.clone();
                renewal.settle_later();
                Err(NotRenewed::Unknown(id, moved, error))
            }
        }
    }

    /// Retires the old record; brings the new one up to date before, if need be.
    async fn settle(&mut self, writes: Writes<'_>) -> Settled {
        let mut attempts = 0..;
        loop {
            let old = self.base.envelope;
            let caught_up = match writes.retire(&old.key, old.revision, self.mark, self.ttl).await {
                Ok(RetireOutcome::Retired) => {
                    self.unmark();
                    return Settled::Renewed;
                }
                Ok(RetireOutcome::Gone) => Err(SessionError::Gone),
                Ok(RetireOutcome::Conflict) => {
                    self.catch_up(writes, attempts.next().unwrap_or(u32::MAX)).await
                }
                Err(error @ StoreError::Refused(_)) => Err(error.into()),
                Err(error) => return Settled::Unknown(error),
            };
            match caught_up {
                Ok(CaughtUp::Yes) => {}
                Ok(CaughtUp::InUse) => {
                    tracing::error!(
                        "a session was changed under two ids: what was changed under the old one is lost"
                    );
                    let _ = writes.delete(&old.key).await;
                    return Settled::Renewed;
                }
                // Whoever ended it under the new id meant the session.
                Ok(CaughtUp::Ended) => {
                    let _ = writes.delete(&old.key).await;
                    return Settled::Undone(SessionError::Gone);
                }
                Err(SessionError::Gone) if self.handed_out => {
                    let _ = writes.delete(&self.moved.envelope.key).await;
                    return Settled::Undone(SessionError::Gone);
                }
                Err(SessionError::Store(error)) if self.handed_out => return Settled::Unknown(error),
                Err(_) if self.handed_out => return Settled::Unknown(StoreError::TimedOut),
                Err(error) => {
                    writes.take_back(&self.moved.envelope.key).await;
                    return Settled::Undone(error);
                }
            }
        }
    }

    /// Brings the new record up to date with the old one, which was changed in between.
    async fn catch_up(&mut self, writes: Writes<'_>, attempt: u32) -> Result<CaughtUp, SessionError> {
        let base = reload(&self.shared, writes, &self.base, attempt).await?;
        base.check_writable()?;
        let data = changed(&*base.data, &self.changes)?;
        let before = self.moved.envelope;
        let Sealed { record, entry, ttl } = Sealed::new(&self.shared, before.next()?, &data)?;
        match writes.save(&record, before.revision, ttl, entry.clone()).await? {
            SaveOutcome::Saved => {
                (self.base, self.moved) = (base, entry.value);
                Ok(CaughtUp::Yes)
            }
            SaveOutcome::Conflict => Ok(CaughtUp::InUse),
            SaveOutcome::Gone => Ok(CaughtUp::Ended),
        }
    }

    /// Goes on until the store says what has become of the old record. Nobody waits for it, and the browser has the new
    /// id: only the end of the session under the old one ends it under the new one.
    fn settle_later(mut self) {
        self.handed_out = true;
        let shared = self.shared.clone();
        drop(shared.clone().spawn(async move {
            let begun = Instant::now();
            let mut backoff = Backoff::new();
            loop {
                // Once more at least, also if this node is about to be shut down.
                let last = shared.is_draining() || begun.elapsed() >= PATIENCE;
                sleep(backoff.next_wait()).await;
                match self.settle(shared.store().writes()).await {
                    Settled::Renewed | Settled::Undone(_) => return,
                    Settled::Unknown(_) if last => break,
                    Settled::Unknown(_) => {}
                }
            }
            // Nobody will ever know. The old id may have been planted by somebody, so it is the one to go.
            let _ = shared.store().writes().delete(&self.base.envelope.key).await;
        }));
    }

    /// Takes the mark away, which has served its purpose.
    fn unmark(&self) {
        let (shared, key, mark) = (self.shared.clone(), self.base.envelope.key, self.mark);
        drop(self.shared.spawn(async move {
            // Should this fail, it goes with its time.
            let _ = shared.store().writes().unmark(&key, mark).await;
        }));
    }
}

/// Whether the session becomes another subject's: its absolute lifetime counts from then on.
fn is_login<T: SessionData>(before: &T, after: &T) -> bool {
    after.subject().is_some_and(|subject| before.subject() != Some(subject))
}

impl<T> From<SessionError> for NotRenewed<T> {
    fn from(error: SessionError) -> Self {
        Self::No(error)
    }
}

/// A mark lasts as long as its session; but who has not heard of the store for so long should not keep this node up.
const PATIENCE: Duration = Duration::from_secs(60);
