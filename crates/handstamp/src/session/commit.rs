use std::sync::Arc;

use handstamp_core::cookie::VerifiedCookie;
use handstamp_core::id::{PublicId, SessionId};
use handstamp_core::plan::{CookieStep, SessionState, StoreStep};
use handstamp_core::record::{Revision, Seals};
use handstamp_store::{CreateOutcome, EndOutcome, StoreError, WriteScope};
use http::HeaderValue;

use super::change::{Change, changed};
use super::encoded::{EncodedData, EncodedRecord};
use super::group_commit::{NotSaved, Queues};
use super::guard::guarded;
use super::renewal::{NotRenewed, Renewal};
use super::snapshot::{Metadata, Snapshot};
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// The store's part of a plan, with all that it takes to carry it out.
pub(super) struct Commit<T: SessionData> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) step: StoreStep,
    pub(super) cookie_step: CookieStep,
    /// Whether the changes are a login: then a renewal begins the absolute lifetime anew.
    pub(super) logs_in: bool,
    /// Whether no cookie can be sent any more.
    pub(super) too_late: bool,
    /// The valid cookies that came with the request, or the one that it has got since.
    pub(super) cookies: Vec<VerifiedCookie>,
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
    /// No session under the id that it had.
    Over(SessionState),
}

/// Why a commit was not carried out.
enum Failure<T> {
    No(SessionError),
    /// The session may have moved to this id, or not; or it has, and the old one may be there yet. The browser gets the id.
    Unknown(SessionId, Arc<Snapshot<T>>, SessionError),
}

impl<T: SessionData> Commit<T> {
    pub(super) async fn run(mut self) -> Committed<T> {
        let shared = self.shared.clone();
        let writes = shared.store().writes();
        let outcome = match self.step {
            StoreStep::Create => self.create(writes).await.map_err(Failure::No),
            StoreStep::Save => self.save(writes).await,
            StoreStep::Renew => self.renew(writes).await,
            StoreStep::Confirm => return self.confirm(writes).await,
            StoreStep::CreateThenDelete => match self.create(writes).await {
                Ok(done) => self.end_old(writes, done).await,
                Err(error) => Err(Failure::No(error)),
            },
            StoreStep::Delete => self.end(writes).await.map_err(Failure::No),
            StoreStep::DeleteThenCreate => match self.end(writes).await {
                // That it had ended before does not matter to the session that begins now.
                Ok(_) | Err(SessionError::Gone) => self.create(writes).await.map_err(Failure::No),
                Err(error) => Err(Failure::No(error)),
            },
            StoreStep::Nothing | StoreStep::RefuseEnded | StoreStep::RefuseMoved => {
                return Committed { cookie: None, done: None, result: Ok(()) };
            }
        };
        match outcome {
            Ok(done) => Committed { cookie: self.cookie(&done), done: Some(done), result: Ok(()) },
            Err(Failure::Unknown(id, moved, error)) => {
                let cookie = Some(shared.cookie().set(&id, moved.time_left(shared.store().timestamp())));
                Committed { cookie, done: Some(Done::Moved(id, moved)), result: Err(error) }
            }
            Err(Failure::No(error)) => {
                // Also where ending the session failed: this node refuses it from now on, and goes on trying.
                let ends = matches!(self.step, StoreStep::Delete | StoreStep::DeleteThenCreate);
                let cookie = ends.then(|| shared.cookie().removal());
                let over = match &error {
                    _ if ends => Some(SessionState::Absent),
                    SessionError::Gone => Some(SessionState::Ended),
                    SessionError::Moved => Some(SessionState::Moved),
                    _ => None,
                };
                Committed { cookie, done: over.map(Done::Over), result: Err(error) }
            }
        }
    }

    /// Keeps a new session under a new id.
    async fn create(&mut self, writes: WriteScope<'_>) -> Result<Done<T>, SessionError> {
        writes.learn_time().await?;
        let shared = &self.shared;
        let now = shared.store().timestamp();
        for _ in 0..MAX_CREATE_ATTEMPTS {
            let encoded = EncodedData::new(shared, &self.data)?;
            let id = encoded.new_id(shared)?;
            let metadata = Metadata {
                revision: Revision::first()?,
                key: shared.namespace().session_key(&id),
                public_id: PublicId::generate()?,
                predecessor: None,
                created_at: now,
                expires_at: shared.timeouts().deadline(now),
                seals: Seals::default(),
                additions: None,
            };
            let key = metadata.key;
            let EncodedRecord { record, entry, ttl } = encoded.into_record(shared, &metadata)?;
            match writes.create(&record, ttl, entry.clone()).await {
                Ok(CreateOutcome::Created) => return Ok(Done::Moved(id, entry.value)),
                // Never, unless the generator is broken: then another try is better than somebody's session.
                Ok(CreateOutcome::Exists) => {}
                Err(error) => {
                    // It may have been made all the same.
                    writes.undo_create(&key).await;
                    return Err(error.into());
                }
            }
        }
        Err(SessionError::Conflict)
    }

    /// Makes sure that the session is there before its cookie is issued anew: the cache may be behind, and the response would replace the
    /// cookie of another session. The record is sealed anew, too, so that the old key is not needed for this session any more. The request
    /// does not depend on either.
    async fn confirm(&mut self, writes: WriteScope<'_>) -> Committed<T> {
        let nothing = Committed { cookie: None, done: None, result: Ok(()) };
        let (Some(origin), Some(cookie)) = (&self.origin, self.cookies.first()) else { return nothing };
        match self.shared.confirm(origin, writes).await {
            Ok(Some(left)) => {
                Committed { cookie: Some(self.shared.cookie().set(&cookie.id, left)), ..nothing }
            }
            Ok(None) | Err(_) => nothing,
        }
    }

    /// Ends the session that another one has taken the place of.
    async fn end_old(&mut self, writes: WriteScope<'_>, done: Done<T>) -> Result<Done<T>, Failure<T>> {
        match (self.end(writes).await, done) {
            // This node goes on trying.
            (Err(error @ SessionError::Store(_)), Done::Moved(id, session)) => {
                Err(Failure::Unknown(id, session, error))
            }
            (_, done) => Ok(done),
        }
    }

    /// Saves over the record that was read.
    async fn save(&mut self, writes: WriteScope<'_>) -> Result<Done<T>, Failure<T>> {
        writes.learn_time().await?;
        let origin = self.origin.clone().ok_or(SessionError::Gone)?;
        let changes = std::mem::take(&mut self.changes);
        match Queues::save(&self.shared, writes, origin, self.data.clone(), changes).await {
            Ok(saved) => Ok(Done::Saved(saved)),
            Err(NotSaved::Failed(error)) => Err(error.into()),
            Err(NotSaved::LogsIn(..)) if self.too_late => Err(SessionError::ResponseAlreadySent.into()),
            Err(NotSaved::LogsIn(fresh, changes)) => {
                self.data = Arc::new(changed(&*fresh.data, &changes)?);
                (self.origin, self.changes, self.logs_in) = (Some(fresh), changes, true);
                self.cookie_step = CookieStep::Set;
                self.renew(writes).await
            }
        }
    }

    /// Moves the session to a new id.
    async fn renew(&mut self, writes: WriteScope<'_>) -> Result<Done<T>, Failure<T>> {
        writes.learn_time().await?;
        let origin = self.origin.clone().ok_or(SessionError::Gone)?;
        let changes = std::mem::take(&mut self.changes);
        match Renewal::run(&self.shared, writes, origin, self.data.clone(), changes, self.logs_in).await {
            Ok((id, snapshot)) => Ok(Done::Moved(id, snapshot)),
            Err(NotRenewed::Unknown(id, moved, error)) => Err(Failure::Unknown(id, moved, error)),
            Err(NotRenewed::Failed(error)) => Err(error.into()),
            Err(NotRenewed::Over(changes, error)) if self.logs_in => {
                Ok(self.log_in_anew(writes, changes, error).await?)
            }
            Err(NotRenewed::Over(_, error)) => Err(error.into()),
        }
    }

    /// The session of a login has ended or moved: the visitor gets a new one, with nothing of the old. Another visitor may have
    /// moved it.
    ///
    /// # Errors
    ///
    /// The given one, unless the changes alone lead to the subject that the handler has seen: a session of nobody must not replace the
    /// cookie of a newer login.
    async fn log_in_anew(
        &mut self,
        writes: WriteScope<'_>,
        changes: Vec<Change<T>>,
        error: SessionError,
    ) -> Result<Done<T>, SessionError> {
        let data = changed(&T::default(), &changes)?;
        drop(changes);
        if !guarded(|| data.subject().is_some() && data.subject() == self.data.subject())? {
            return Err(error);
        }
        self.data = Arc::new(data);
        self.create(writes).await
    }

    /// Ends all sessions that the request has shown a valid cookie of.
    async fn end(&mut self, writes: WriteScope<'_>) -> Result<Done<T>, SessionError> {
        let mut outcome = Ok(Done::Over(SessionState::Absent));
        for (position, cookie) in self.cookies.iter().enumerate() {
            match writes.end(&self.shared.namespace().session_key(&cookie.id)).await {
                // The request has seen it, and now there is no trace of where it has gone.
                Ok(EndOutcome::Absent) if position == 0 && self.origin.is_some() && outcome.is_ok() => {
                    outcome = Err(SessionError::Gone);
                }
                Ok(_) => {}
                Err(error) => outcome = Err(error.into()),
            }
        }
        outcome
    }

    fn cookie(&self, done: &Done<T>) -> Option<HeaderValue> {
        let (cookie, now) = (self.shared.cookie(), self.shared.store().timestamp());
        match (self.cookie_step, done) {
            (CookieStep::Nothing, _) | (CookieStep::Set, Done::Over(_)) => None,
            (CookieStep::Remove, _) => Some(cookie.removal()),
            (CookieStep::Set, Done::Moved(id, session)) => Some(cookie.set(id, session.time_left(now))),
            (CookieStep::Set, Done::Saved(session)) => {
                self.cookies.first().map(|opened| cookie.set(&opened.id, session.time_left(now)))
            }
        }
    }
}

impl<T> From<SessionError> for Failure<T> {
    fn from(error: SessionError) -> Self {
        Self::No(error)
    }
}

impl<T> From<StoreError> for Failure<T> {
    fn from(error: StoreError) -> Self {
        Self::No(error.into())
    }
}

const MAX_CREATE_ATTEMPTS: usize = 3;
