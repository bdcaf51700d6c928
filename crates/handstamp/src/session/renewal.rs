use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionId;
use handstamp_core::record::{Revision, Tombstone};
use handstamp_store::{
    Backoff, CreateOutcome, EndOutcome, SaveOutcome, StoreError, TombstoneOutcome, WriteScope,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::change::{Change, changed};
use super::guard::guarded;
use super::queue::Queues;
use super::sealed::{Encoded, Sealed};
use super::snapshot::{Envelope, Snapshot};
use super::together::{present, reload};
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
    /// The subject of the new record, which its id was made for.
    subject: Option<String>,
    tombstone: Tombstone,
    ttl: Duration,
    /// Whether the browser has the new id already.
    handed_out: bool,
    begun: Instant,
}

/// Why a session has no new id, or may have none.
pub(super) enum NotRenewed<T> {
    /// It is as it was.
    No(SessionError),
    /// It has ended or moved meanwhile, as the error says, and these changes are not made.
    Over(Vec<Change<T>>, SessionError),
    /// The store did not say whether the old record is retired. Until it does, this goes on in the background; the
    /// browser gets the new id, because the old one may be of no use any more.
    Unknown(SessionId, Arc<Snapshot<T>>, StoreError),
}

/// The old record as it is in the store, or why it is not there.
type Reloaded<T> = Result<Arc<Snapshot<T>>, SessionError>;

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
        writes: WriteScope<'_>,
        base: Arc<Snapshot<T>>,
        data: Arc<T>,
        changes: Vec<Change<T>>,
        logs_in: bool,
    ) -> Result<(SessionId, Arc<Snapshot<T>>), NotRenewed<T>> {
        let begun = Instant::now();
        // Until this is dropped, no other request on this node saves the session.
        let turn = Queues::turn(shared, writes, base.envelope.key).await?;
        base.check_writable()?;
        let encoded = Encoded::new(shared, &data)?;
        let (id, subject) = (encoded.new_id(shared)?, encoded.subject().map(str::to_owned));
        let same_subject = guarded(|| base.data.subject() == subject.as_deref())?;
        let (key, old) = (shared.namespace().session_key(&id), base.envelope.key);
        if let Some(predecessor) = base.predecessor() {
            // The new record names the old one only, so this has to be done before.
            let erased = writes.erase(&predecessor, Some(old)).await.map_err(SessionError::from)?;
            if erased == EndOutcome::HadEnded {
                // A logout has ended the session under that id.
                return Err(NotRenewed::Over(changes, SessionError::Gone));
            }
        }
        let mut envelope = Envelope { key, predecessor: Some(old), ..base.next_envelope()? };
        if logs_in {
            envelope.created_at = shared.store().timestamp();
            envelope.expires_at = shared.timeouts().deadline(envelope.created_at);
        }
        let Sealed { record, entry, ttl } = encoded.seal(shared, &envelope)?;
        // The copy in the cache may be outdated. `retire` would invalidation that, but its reply may get lost, and then the browser gets the new id.
        let (created, current) =
            tokio::join!(writes.create(&record, ttl, entry.clone()), shared.load_within(writes, &old));
        match created {
            Ok(CreateOutcome::Created) => {}
            Ok(CreateOutcome::Exists) => return Err(SessionError::Conflict.into()),
            Err(error) => {
                // It may have been made all the same.
                writes.undo_create(&key).await;
                return Err(SessionError::from(error).into());
            }
        }
        let tombstone = Tombstone {
            key: old,
            revision: Revision::first().map_err(SessionError::from)?,
            successor: Some(key),
            same_subject,
        };
        let current = current.and_then(present);
        let is_current =
            current.as_ref().is_ok_and(|current| current.envelope.revision == base.envelope.revision);
        let changed = if is_current { None } else { Some(current) };
        let (shared, moved) = (shared.clone(), entry.value);
        let mut renewal =
            Self { shared, changes, base, moved, subject, tombstone, ttl, handed_out: false, begun };
        match renewal.settle(writes, changed).await {
            Settled::Renewed => Ok((id, renewal.moved)),
            Settled::Undone(error @ (SessionError::Gone | SessionError::Moved)) => {
                Err(NotRenewed::Over(renewal.changes, error))
            }
            Settled::Undone(error) => Err(error.into()),
            Settled::Unknown(error) => {
                drop(turn);
                let moved = renewal.moved.clone();
                renewal.settle_later();
                Err(NotRenewed::Unknown(id, moved, error))
            }
        }
    }

    /// Retires the old record; brings the new one up to date before, if the old one has `changed` to this, or turns out to have changed.
    async fn settle(&mut self, writes: WriteScope<'_>, mut changed: Option<Reloaded<T>>) -> Settled {
        let mut attempts = 0..;
        loop {
            let old = self.base.envelope.key;
            let replacing = self.base.envelope.revision;
            let caught_up = match changed.take() {
                Some(current) => self.catch_up(writes, current).await,
                None => match writes.replace_with_tombstone(&self.tombstone, replacing, self.ttl).await {
                    Ok(TombstoneOutcome::Replaced) => {
                        self.moved.predecessor_retired();
                        self.confirm_retired();
                        return Settled::Renewed;
                    }
                    // Another request has moved the session, and the browser may have either id.
                    Ok(TombstoneOutcome::Moved) if self.handed_out => {
                        self.spawn_forget_predecessor();
                        return Settled::Renewed;
                    }
                    Ok(TombstoneOutcome::Moved) => Err(SessionError::Moved),
                    Ok(TombstoneOutcome::Gone) => Err(SessionError::Gone),
                    Ok(TombstoneOutcome::Conflict) => {
                        let attempt = attempts.next().unwrap_or(u32::MAX);
                        changed = Some(reload(&self.shared, writes, &self.base, attempt).await);
                        continue;
                    }
                    Err(error @ StoreError::Rejected(_)) => Err(error.into()),
                    Err(error) => return Settled::Unknown(error),
                },
            };
            match caught_up {
                Ok(CaughtUp::Yes) => {}
                Ok(CaughtUp::InUse) => {
                    tracing::error!(
                        "a session was changed under two ids: what was changed under the old one is lost"
                    );
                    if writes.erase(&old, Some(self.moved.envelope.key)).await.is_ok() {
                        self.spawn_forget_predecessor();
                    }
                    return Settled::Renewed;
                }
                // No request has the new id: the store has lost the record.
                Ok(CaughtUp::Ended) if !self.handed_out => {
                    let lost = StoreError::unavailable("the new record of a session was lost");
                    return Settled::Undone(lost.into());
                }
                // A logout under the new id ends the session, and so does one under the old id.
                Ok(CaughtUp::Ended) => {
                    let _ = writes.erase(&old, None).await;
                    return Settled::Undone(SessionError::Gone);
                }
                Err(SessionError::Gone) if self.handed_out => {
                    let _ = writes.end(&self.moved.envelope.key).await;
                    return Settled::Undone(SessionError::Gone);
                }
                Err(SessionError::Store(error)) if self.handed_out => return Settled::Unknown(error),
                Err(_) if self.handed_out => return Settled::Unknown(StoreError::TimedOut),
                Err(error) => {
                    writes.undo_create(&self.moved.envelope.key).await;
                    return Settled::Undone(error);
                }
            }
        }
    }

    /// Brings the new record up to date with the old one, which was changed in between.
    async fn catch_up(
        &mut self,
        writes: WriteScope<'_>,
        current: Reloaded<T>,
    ) -> Result<CaughtUp, SessionError> {
        let base = current?;
        base.check_writable()?;
        if !guarded(|| base.data.subject() == self.base.data.subject())? {
            // The changes were made for another subject.
            return Err(SessionError::Gone);
        }
        let data = changed(&*base.data, &self.changes)?;
        let encoded = Encoded::new(&self.shared, &data)?;
        if encoded.subject() != self.subject.as_deref() {
            // The new id was made for another subject.
            return Err(SessionError::Conflict);
        }
        let Sealed { record, entry, ttl } = encoded.seal(&self.shared, &self.moved.next_envelope()?)?;
        match writes.save(&record, self.moved.envelope.revision, ttl, entry.clone()).await? {
            SaveOutcome::Saved => {
                (self.base, self.moved) = (base, entry.value);
                Ok(CaughtUp::Yes)
            }
            // It has been renewed once more: what it had in the meantime is in use as well.
            SaveOutcome::Conflict | SaveOutcome::Moved => Ok(CaughtUp::InUse),
            SaveOutcome::Gone => Ok(CaughtUp::Ended),
        }
    }

    /// Goes on until the store says what has become of the old record. Nobody waits for it, and the browser has the new
    /// id: only the end of the session under the old one ends it under the new one.
    fn settle_later(mut self) {
        self.handed_out = true;
        let shared = self.shared.clone();
        drop(shared.clone().spawn(async move {
            let deadline = self.begun + PATIENCE;
            let mut backoff = Backoff::new();
            loop {
                // Once more at least, also if this node is about to be shut down.
                let last = shared.is_draining();
                sleep(backoff.next_wait()).await;
                if Instant::now() >= deadline {
                    break;
                }
                match timeout_at(deadline, self.settle(shared.store().writes(), None)).await {
                    Ok(Settled::Renewed | Settled::Undone(_)) => return,
                    Ok(Settled::Unknown(_)) if !last => {}
                    Ok(Settled::Unknown(_)) | Err(_) => break,
                }
            }
            // It stays unknown. The old id may have been planted, so its record is deleted.
            let (old, new) = (self.base.envelope.key, self.moved.envelope.key);
            let _ = shared.store().writes().erase(&old, Some(new)).await;
        }));
    }

    fn spawn_forget_predecessor(&self) {
        let (shared, moved) = (self.shared.clone(), self.moved.clone());
        drop(self.shared.spawn(async move { forget_predecessor(&shared, moved).await }));
    }

    /// Shortens the life of the tombstone, which this node need not ask for any more, and has the new record name no predecessor, which a
    /// logout would have to reach.
    fn confirm_retired(&self) {
        let (shared, tombstone, moved) = (self.shared.clone(), self.tombstone, self.moved.clone());
        drop(self.shared.spawn(async move {
            // Should this fail, it goes with its time.
            let _ = shared.store().writes().confirm_retired(&tombstone).await;
            forget_predecessor(&shared, moved).await;
        }));
    }
}

/// Should this fail, the record names its predecessor until the session gets its next id: a logout deletes one record more.
async fn forget_predecessor<T: SessionData>(shared: &Arc<Shared<T>>, mut moved: Arc<Snapshot<T>>) {
    let predecessor = moved.envelope.predecessor;
    for attempt in 0..MOST_REWRITES {
        moved.predecessor_retired();
        let writes = shared.store().writes();
        let Ok(SaveOutcome::Conflict) = moved.rewrite(shared, writes).await else { return };
        match reload(shared, writes, &moved, attempt).await {
            Ok(newer) if newer.predecessor() == predecessor => moved = newer,
            _ => return,
        }
    }
}

impl<T> From<SessionError> for NotRenewed<T> {
    fn from(error: SessionError) -> Self {
        Self::No(error)
    }
}

/// Shorter than the life of any tombstone in the place of the old record: another request may have moved the session meanwhile, and
/// without its tombstone, that would look like a logout.
const PATIENCE: Duration = Duration::from_secs(20);

const MOST_REWRITES: u32 = 3;
