use std::sync::Arc;

use handstamp_core::id::PublicId;
use handstamp_core::record::{Revision, Seals};
use handstamp_store::{CreateOutcome, WriteScope};

use super::super::change::{Change, changed};
use super::super::encoded::{EncodedData, EncodedRecord};
use super::super::guard::guarded;
use super::super::metadata::Metadata;
use super::{Commit, Committed};
use crate::{SessionData, SessionError};

impl<T: SessionData> Commit<T> {
    /// Creates a session under a new id.
    pub(super) async fn create(&mut self, writes: WriteScope<'_>) -> Result<Committed<T>, SessionError> {
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
            let EncodedRecord { record, entry, ttl } =
                encoded.into_record(shared, &metadata, shared.now())?;
            match writes.create(&record, ttl, entry.clone()).await {
                Ok(CreateOutcome::Created) => return Ok(Committed::Moved(id, entry.value)),
                // Only if the random generator is broken. Another attempt is better than the session of another visitor.
                Ok(CreateOutcome::Exists) => {}
                Err(error) => {
                    // It may have been created.
                    writes.undo_create(&key).await;
                    return Err(error.into());
                }
            }
        }
        Err(SessionError::Conflict)
    }

    /// The session of a login has ended or moved: the visitor gets a new one, with nothing of the old. Another visitor may have
    /// moved it.
    ///
    /// # Errors
    ///
    /// The given one, unless the changes alone lead to the subject that the handler has seen: a session without a subject must not replace
    /// the cookie of a newer login.
    pub(super) async fn log_in_anew(
        &mut self,
        writes: WriteScope<'_>,
        changes: Vec<Change<T>>,
        error: SessionError,
    ) -> Result<Committed<T>, SessionError> {
        let data = changed(self.shared.replays(), &T::default(), &changes)?;
        drop(changes);
        if !guarded(|| data.subject().is_some() && data.subject() == self.data.subject())? {
            return Err(error);
        }
        self.data = Arc::new(data);
        self.create(writes).await
    }
}

const MAX_CREATE_ATTEMPTS: usize = 3;
