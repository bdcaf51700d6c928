use handstamp_store::{SaveOutcome, WriteScope};

use super::encoded::EncodedRecord;
use super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

impl<T: SessionData> Snapshot<T> {
    /// Saves the record as it was corrected when it was decoded.
    pub(crate) async fn rewrite(
        &self,
        shared: &Shared<T>,
        writes: WriteScope<'_>,
    ) -> Result<SaveOutcome, SessionError> {
        self.check_writable()?;
        let EncodedRecord { record, entry, ttl } = EncodedRecord::replacing(self, shared, &self.data)?;
        let outcome = writes.save(&record, self.metadata.revision, ttl, entry).await?;
        self.life.rewritten();
        if outcome == SaveOutcome::Saved {
            self.life.extended(ttl, record.saved_at);
        }
        Ok(outcome)
    }
}
