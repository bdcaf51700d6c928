use std::sync::Arc;

use handstamp_core::cookie::Opened;
use handstamp_core::id::{Handle, SessionId};
use handstamp_core::plan::{CookieStep, StoreStep};
use handstamp_core::record::Revision;
use handstamp_store::{CreateOutcome, Writes};
use http::HeaderValue;

use super::change::Change;
use super::queue::Queues;
use super::renewal::{NotRenewed, Renewal};
use super::sealed::Sealed;
use super::snapshot::{Envelope, Snapshot};
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// The store's part of a plan, with all that it takes to carry it out.
pub(super) struct Commit<T: SessionData> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) step: StoreStep,
    pub(super) cookie_step: CookieStep,
    /// Whether a renewal begins the absolute lifetime anew.
    pub(super) restart: bool,
    /// The valid cookies that came with the request, or the one that it has got since.
    pub(super) cookies: Vec<Opened>,
    pub(super) origin: Option<Arc<Snapshot<T>>>,
    /// The origin's data, or the default, with all changes applied.
    pub(super) data: Arc<T>,
    pub(super) changes: Vec<Change<T>>,
}

/// What became of a commit.
pub(super) struct Committed<T> {
    /// The cookie to send.
    pub(super) cookie: Option<HeaderValue>,
    /// What there is afterwards, if that has changed.
    pub(super) done: Option<Done<T>>,
    pub(super) result: Result<(), SessionError>,
}

/// What there is afterwards.
pub(super) enum Done<T> {
    /// The session, under the id that it had.
    Saved(Arc<Snapshot<T>>),
    /// The session, under this new id.
    Moved(SessionId, Arc<Snapshot<T>>),
    /// Nothing.
    Ended,
}

impl<T: SessionData> Commit<T> {
    pub(super) async fn run(mut self) -> Committed<T> {
        let shared = self.shared.clone();
        let writes = shared.store().writes();
        let outcome = match self.step {
            StoreStep::Create => self.create(writes).await,
            StoreStep::Save => self.save(writes).await,
            StoreStep::Renew => match self.renew(writes).await {
                Ok(done) => Ok(done),
                Err(NotRenewed::No(error)) => Err(error),
                Err(NotRenewed::Unknown(id, moved, error)) => {
                    let cookie = Some(shared.cookie().set(&id, moved.time_left(shared.store().timestamp())));
                    return Committed {
                        cookie,
                        done: Some(Done::Moved(id, moved)),
                        result: Err(error.into()),
                    };
                }
            },
            StoreStep::Delete => self.delete(writes).await,
            StoreStep::DeleteThenCreate => match self.delete(writes).await {
                Ok(_) => self.create(writes).await,
                Err(error) => Err(error),
            },
            StoreStep::Nothing => return Committed { cookie: None, done: None, result: Ok(()) },
        };
        match outcome {
            Ok(done) => Committed { cookie: self.cookie(&done), done: Some(done), result: Ok(()) },
            // Also where ending the session failed: this node refuses it from now on, and goes on trying.
            Err(error) => {
                let over = matches!(error, SessionError::Gone)
                    || matches!(self.step, StoreStep::Delete | StoreStep::DeleteThenCreate);
                let cookie = over.then(|| shared.cookie().removal());
                Committed { cookie, done: over.then_some(Done::Ended), result: Err(error) }
            }
        }
    }

    /// Keeps a new session under a new id.
    async fn create(&mut self, writes: Writes<'_>) -> Result<Done<T>, SessionError> {
        writes.learn_time().await?;
        let shared = &self.shared;
        let now = shared.store().timestamp();
        for _ in 0..MAX_CREATE_ATTEMPTS {
            let id = SessionId::generate()?;
            let envelope = Envelope {
                revision: Revision::first()?,
                key: shared.namespace().session_key(&id),
                handle: Handle::generate()?,
                created_at: now,
                expires_at: shared.timeouts().deadline(now),
            };
            let Sealed { record, entry, ttl } = Sealed::new(shared, envelope, &self.data)?;
            match writes.create(&record, ttl, entry.clone()).await {
                Ok(CreateOutcome::Created) => return Ok(Done::Moved(id, entry.value)),
                // Never, unless the generator is broken: then another try is better than somebody's session.
                Ok(CreateOutcome::Exists) => {}
                Err(error) => {
                    // It may have been made all the same.
                    writes.take_back(&envelope.key).await;
                    return Err(error.into());
                }
            }
        }
        Err(SessionError::Conflict)
    }

    /// Saves over the record that was read.
    async fn save(&mut self, writes: Writes<'_>) -> Result<Done<T>, SessionError> {
        writes.learn_time().await?;
        let origin = self.origin.clone().ok_or(SessionError::Gone)?;
        let changes = std::mem::take(&mut self.changes);
        Queues::save(&self.shared, writes, origin, self.data.clone(), changes).await.map(Done::Saved)
    }

    /// Moves the session to a new id.
    async fn renew(&mut self, writes: Writes<'_>) -> Result<Done<T>, NotRenewed<T>> {
        writes.learn_time().await.map_err(SessionError::from)?;
        let origin = self.origin.clone().ok_or(SessionError::Gone)?;
        let changes = std::mem::take(&mut self.changes);
        let renewal = Renewal::run(&self.shared, writes, origin, self.data.clone(), changes, self.restart);
        let (id, snapshot) = renewal.await?;
        Ok(Done::Moved(id, snapshot))
    }

    /// Ends all sessions that the request has shown a valid cookie of.
    async fn delete(&mut self, writes: Writes<'_>) -> Result<Done<T>, SessionError> {
        let mut outcome = Ok(Done::Ended);
        for cookie in &self.cookies {
            if let Err(error) = writes.delete(&self.shared.namespace().session_key(&cookie.id)).await {
                outcome = Err(error.into());
            }
        }
        outcome
    }

    fn cookie(&self, done: &Done<T>) -> Option<HeaderValue> {
        let (cookie, now) = (self.shared.cookie(), self.shared.store().timestamp());
        match (self.cookie_step, done) {
            (CookieStep::Nothing, _) => None,
            (CookieStep::Remove, _) | (CookieStep::Set, Done::Ended) => Some(cookie.removal()),
            (CookieStep::Set, Done::Moved(id, session)) => Some(cookie.set(id, session.time_left(now))),
            (CookieStep::Set, Done::Saved(session)) => {
                self.cookies.first().map(|opened| cookie.set(&opened.id, session.time_left(now)))
            }
        }
    }
}

const MAX_CREATE_ATTEMPTS: usize = 3;
