use std::sync::Arc;
use std::time::Duration;

use handstamp_core::cookie::Opened;
use handstamp_core::id::{Handle, SessionId};
use handstamp_core::plan::{CookieStep, StoreStep};
use handstamp_core::record::{Record, Revision};
use handstamp_store::{CreateOutcome, Lookup, RetireOutcome, SaveOutcome, Writes};
use http::HeaderValue;

use super::snapshot::{Envelope, Snapshot};
use crate::data::encode;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// A change that a handler made, kept so that it can be made again.
pub(super) type Change<T> = Box<dyn Fn(&mut T) + Send>;

/// The store's part of a plan, with all that it takes to carry it out.
pub(crate) struct Commit<T: SessionData> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) step: StoreStep,
    pub(super) cookie_step: CookieStep,
    /// The valid cookie that came with the request.
    pub(super) cookie: Option<Opened>,
    pub(super) origin: Option<Arc<Snapshot<T>>>,
    /// The origin's data, or the default, with all changes applied.
    pub(super) data: Arc<T>,
    pub(super) changes: Vec<Change<T>>,
}

/// What became of a commit.
pub(crate) struct Committed {
    /// The cookie to send.
    pub(crate) cookie: Option<HeaderValue>,
    pub(crate) outcome: Result<(), SessionError>,
}

impl<T: SessionData> Commit<T> {
    pub(crate) async fn run(mut self) -> Committed {
        let shared = self.shared.clone();
        let writes = shared.store().writes();
        let outcome = match self.step {
            StoreStep::Nothing | StoreStep::Touch => Ok(None),
            StoreStep::Create => self.create(writes).await.map(Some),
            StoreStep::Save => self.save(writes).await.map(|()| None),
            StoreStep::Renew => self.renew(writes).await.map(Some),
            StoreStep::Delete => self.delete(writes).await.map(|()| None),
            StoreStep::DeleteThenCreate => match self.delete(writes).await {
                Ok(()) => self.create(writes).await.map(Some),
                Err(error) => Err(error),
            },
        };
        let cookie = shared.cookie();
        match outcome {
            Ok(new_id) => {
                let id = new_id.or(self.cookie.map(|cookie| cookie.id));
                let cookie = match self.cookie_step {
                    CookieStep::Nothing => None,
                    CookieStep::Set => id.map(|id| cookie.set(&id)),
                    CookieStep::Remove => Some(cookie.removal()),
                };
                Committed { cookie, outcome: Ok(()) }
            }
            Err(error) => {
                // Also where ending the session failed: this node refuses it from now on, and goes on trying.
                let over = matches!(error, SessionError::Gone)
                    || matches!(self.step, StoreStep::Delete | StoreStep::DeleteThenCreate);
                Committed { cookie: over.then(|| cookie.removal()), outcome: Err(error) }
            }
        }
    }

    /// Keeps a new session, and says under which id.
    async fn create(&mut self, writes: Writes<'_>) -> Result<SessionId, SessionError> {
        let now = self.shared.store().clock().timestamp();
        for _ in 0..MAX_CREATE_ATTEMPTS {
            let id = SessionId::generate()?;
            let envelope = Envelope {
                revision: Revision::first()?,
                key: self.shared.namespace().session_key(&id),
                handle: Handle::generate()?,
                created_at: now,
                expires_at: self.shared.timeouts().deadline(now),
            };
            let Sealed { record, snapshot, ttl } = self.seal(envelope, self.data.clone())?;
            match writes.create(&record, ttl, snapshot).await? {
                CreateOutcome::Created => return Ok(id),
                // Never, unless the generator is broken: then another try is better than somebody's session.
                CreateOutcome::Exists => {}
            }
        }
        Err(SessionError::Conflict)
    }

    /// Saves over the record that was read. If another request was faster, makes the changes again on what that
    /// one saved, and tries again.
    async fn save(&mut self, writes: Writes<'_>) -> Result<(), SessionError> {
        let mut base = self.origin.clone().ok_or(SessionError::Gone)?;
        let mut data = self.data.clone();
        for attempt in 0.. {
            base.check_writable()?;
            let Sealed { record, snapshot, ttl } = self.seal(base.envelope.next()?, data)?;
            match writes.save(&record, base.envelope.revision, ttl, snapshot).await? {
                SaveOutcome::Saved => break,
                SaveOutcome::Gone => return Err(SessionError::Gone),
                SaveOutcome::Conflict => (base, data) = self.replay(writes, &base, attempt).await?,
            }
        }
        Ok(())
    }

    /// Moves the session to a new id, and says to which. The new record is made first, since nobody knows its id
    /// yet; then the old one is deleted, unless it was changed in between: those changes move too. Whatever
    /// breaks off in the middle leaves the old session as it was.
    async fn renew(&mut self, writes: Writes<'_>) -> Result<SessionId, SessionError> {
        let mut base = self.origin.clone().ok_or(SessionError::Gone)?;
        base.check_writable()?;
        let id = SessionId::generate()?;
        let mut moved = Envelope { key: self.shared.namespace().session_key(&id), ..base.envelope.next()? };
        let Sealed { record, snapshot, ttl } = self.seal(moved, self.data.clone())?;
        match writes.create(&record, ttl, snapshot).await? {
            CreateOutcome::Created => {}
            CreateOutcome::Exists => return Err(SessionError::Conflict),
        }
        for attempt in 0.. {
            let old = base.envelope;
            let caught_up = match writes.delete_revision(&old.key, old.revision).await {
                Ok(RetireOutcome::Retired) => break,
                Ok(RetireOutcome::Gone) => Err(SessionError::Gone),
                Ok(RetireOutcome::Conflict) => self.catch_up(writes, &base, moved, attempt).await,
                Err(error) => Err(error.into()),
            };
            match caught_up {
                Ok(both) => (base, moved) = both,
                Err(error) => {
                    // Nobody has heard of the new id. Should this fail, the store is told later.
                    let _ = writes.delete(&moved.key).await;
                    return Err(error);
                }
            }
        }
        Ok(id)
    }

    /// Brings the new record of a renewal up to date with the old one, which was changed in between.
    async fn catch_up(
        &mut self,
        writes: Writes<'_>,
        base: &Snapshot<T>,
        moved: Envelope,
        attempt: u32,
    ) -> Result<(Arc<Snapshot<T>>, Envelope), SessionError> {
        let (base, data) = self.replay(writes, base, attempt).await?;
        base.check_writable()?;
        let next = moved.next()?;
        let Sealed { record, snapshot, ttl } = self.seal(next, data)?;
        match writes.save(&record, moved.revision, ttl, snapshot).await? {
            SaveOutcome::Saved => Ok((base, next)),
            SaveOutcome::Conflict | SaveOutcome::Gone => Err(SessionError::Conflict),
        }
    }

    async fn delete(&mut self, writes: Writes<'_>) -> Result<(), SessionError> {
        if let Some(cookie) = &self.cookie {
            writes.delete(&self.shared.namespace().session_key(&cookie.id)).await?;
        }
        Ok(())
    }

    /// Loads the session anew, and makes all changes again.
    async fn replay(
        &mut self,
        writes: Writes<'_>,
        base: &Snapshot<T>,
        attempt: u32,
    ) -> Result<(Arc<Snapshot<T>>, Arc<T>), SessionError> {
        tokio::time::sleep(pause_before(attempt)).await;
        if writes.out_of_time() {
            return Err(SessionError::Conflict);
        }
        let Lookup::Found(fresh) = self.shared.load(&base.envelope.key).await? else {
            return Err(SessionError::Gone);
        };
        let mut data = T::clone(&fresh.data);
        for change in &self.changes {
            change(&mut data);
        }
        Ok((fresh, Arc::new(data)))
    }

    /// Puts `data` into a record.
    fn seal(&self, envelope: Envelope, data: Arc<T>) -> Result<Sealed<T>, SessionError> {
        let (clock, timeouts) = (self.shared.store().clock(), self.shared.timeouts());
        let Envelope { revision, key, handle, created_at, expires_at } = envelope;
        let ttl = timeouts.time_to_live(clock.timestamp(), expires_at).ok_or(SessionError::Gone)?;
        let encoding = self.shared.encoding();
        let payload = encode(encoding, &*data).map_err(SessionError::Unencodable)?;
        let limit = self.shared.max_size();
        if payload.len() > limit {
            return Err(SessionError::TooLarge { size: payload.len(), limit });
        }
        let record = Record {
            revision,
            key,
            handle,
            created_at,
            expires_at,
            subject: data.subject().map(str::to_owned),
            encoding,
            schema: T::SCHEMA,
            payload: payload.into(),
        };
        let snapshot = Arc::new(Snapshot::new(&record, data, ttl, clock, timeouts));
        Ok(Sealed { record, snapshot, ttl })
    }
}

/// A record to be stored, what the cache is to hold of it, and its time to live.
struct Sealed<T> {
    record: Record,
    snapshot: Arc<Snapshot<T>>,
    ttl: Duration,
}

/// Those who met at one session should not meet there again: a random time, longer with every attempt.
fn pause_before(attempt: u32) -> Duration {
    let longest_micros = 250 << attempt.min(6);
    Duration::from_micros(u64::from(getrandom::u32().unwrap_or_default() % longest_micros))
}

const MAX_CREATE_ATTEMPTS: usize = 3;
