//! Moves a session to a new id: carries out the steps of [`handstamp_core::protocol::renewal`].
//!
//! | File | Content |
//! |---|---|
//! | `mod.rs` | from the changes of a request to the new record |
//! | `steps.rs` | the steps after that |
//! | `background.rs` | what continues when the response is sent |

mod background;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::{SessionId, SessionKey};
use handstamp_core::protocol::renewal::{self, Cause, Created, First, Outcome};
use handstamp_core::record::{Revision, Tombstone};
use handstamp_core::time::Timestamp;
use handstamp_store::{CreateOutcome, EndOutcome, StoreError, WriteScope};
use tokio::time::Instant;

use super::change::Change;
use super::encoded::{EncodedData, EncodedRecord};
use super::group_commit::{Queues, present};
use super::guard::guarded;
use super::metadata::Metadata;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// A session on its way to a new id.
pub(super) struct Renewal<T: SessionData> {
    shared: Arc<Shared<T>>,
    changes: Vec<Change<T>>,
    /// The old record that the new one contains.
    base: Arc<Snapshot<T>>,
    /// The old record as it was loaded last.
    current: Option<Arc<Snapshot<T>>>,
    /// The new record.
    renewed: Arc<Snapshot<T>>,
    /// The subject of the new record, which its id was made for.
    subject: Option<String>,
    tombstone: Tombstone,
    ttl: Duration,
    begun: Instant,
}

/// Why a session has no new id, or may have none.
pub(super) enum NotRenewed<T> {
    /// It is as it was.
    Failed(SessionError),
    /// It has ended or moved meanwhile, as the error says, and these changes are not made.
    Over(Vec<Change<T>>, SessionError),
    /// The store did not reply whether the old record was replaced, and the renewal continues in the background. The browser gets the new
    /// id, because the old one may no longer be valid.
    Unknown(SessionId, Arc<Snapshot<T>>, SessionError),
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
        let turn = Queues::exclusive_turn(shared, writes, base.metadata.key).await?;
        base.check_writable()?;
        let encoded = EncodedData::new(shared, &data)?;
        let (id, subject) = (encoded.new_id(shared)?, encoded.subject().map(str::to_owned));
        let same_subject = guarded(|| base.data.subject() == subject.as_deref())?;
        let (key, old) = (shared.namespace().session_key(&id), base.metadata.key);

        let renewal = match renewal::Renewal::begin(base.metadata.revision, base.predecessor()) {
            First::Create(renewal) => renewal,
            First::ErasePredecessor(renewal, predecessor) => {
                let erased = writes.erase(&predecessor, Some(old)).await.map_err(SessionError::from);
                match renewal.predecessor_erased(erased.map(|outcome| outcome == EndOutcome::HadEnded)) {
                    Ok(renewal) => renewal,
                    Err(cause) => return Err(NotRenewed::of(cause, changes)),
                }
            }
        };
        let revision = Revision::first().map_err(SessionError::from)?;
        let tombstone = Tombstone { key: old, revision, successor: Some(key), same_subject };
        let now = shared.now();
        let metadata = renewed_metadata(shared, &base, key, logs_in, shared.store().timestamp_at(now));
        let EncodedRecord { record, entry, ttl } = encoded.into_record(shared, &metadata, now)?;
        // The copy in the cache may be stale. The tombstone would detect that, but if its reply is lost, the browser gets the new id.
        let (created, current) =
            tokio::join!(writes.create(&record, ttl, entry.clone()), shared.load_within(writes, &old));
        let created = match created {
            Ok(CreateOutcome::Created) => Created::Created,
            Ok(CreateOutcome::Exists) => Created::NotCreated(SessionError::Conflict),
            Err(error) => Created::Unknown(error.into()),
        };
        let (shared, renewed) = (shared.clone(), entry.value);
        let mut this = Self { shared, changes, base, current: None, renewed, subject, tombstone, ttl, begun };
        let step = renewal.created(created, this.loaded(current.and_then(present)));
        match this.drive(writes, step).await {
            Outcome::Renewed(follow_up) => {
                this.follow_up(follow_up);
                Ok((id, this.renewed))
            }
            Outcome::NotRenewed(cause) => Err(NotRenewed::of(cause, this.changes)),
            Outcome::NewRecordLost | Outcome::GivenUp => {
                let lost = StoreError::unavailable("the new record of a session was lost");
                Err(NotRenewed::Failed(lost.into()))
            }
            Outcome::Unknown(renewal, cause) => {
                drop(turn);
                let renewed = this.renewed.clone();
                this.finish_in_background(renewal);
                Err(NotRenewed::Unknown(id, renewed, error(cause)))
            }
        }
    }
}

/// The metadata of the new record. It names the old one until that is known to be replaced.
fn renewed_metadata<T: SessionData>(
    shared: &Shared<T>,
    base: &Snapshot<T>,
    key: SessionKey,
    logs_in: bool,
    now: Timestamp,
) -> Metadata {
    let predecessor = Some(Box::new(base.metadata.key));
    let mut metadata = Metadata { key, predecessor, ..base.next_metadata(now) };
    if logs_in {
        metadata.created_at = now;
        metadata.expires_at = shared.timeouts().deadline(now);
    }
    metadata
}

impl<T> NotRenewed<T> {
    fn of(cause: Cause<SessionError>, changes: Vec<Change<T>>) -> Self {
        match cause {
            Cause::Error(error) => Self::Failed(error),
            Cause::Gone | Cause::Moved => Self::Over(changes, error(cause)),
        }
    }
}

impl<T> From<SessionError> for NotRenewed<T> {
    fn from(error: SessionError) -> Self {
        Self::Failed(error)
    }
}

fn cause(error: SessionError) -> Cause<SessionError> {
    match error {
        SessionError::Gone => Cause::Gone,
        SessionError::Moved => Cause::Moved,
        error => Cause::Error(error),
    }
}

fn error(cause: Cause<SessionError>) -> SessionError {
    match cause {
        Cause::Gone => SessionError::Gone,
        Cause::Moved => SessionError::Moved,
        Cause::Error(error) => error,
    }
}
