use std::sync::Arc;

use handstamp_core::protocol::renewal::{CaughtUp, Cause, EraseOld, Outcome, Replaced, Step};
use handstamp_core::record::Revision;
use handstamp_store::{SaveOutcome, StoreError, TombstoneOutcome, WriteScope};

use super::super::change::changed;
use super::super::encoded::{EncodedData, EncodedRecord};
use super::super::group_commit::reload;
use super::super::guard::guarded;
use super::super::snapshot::Snapshot;
use super::{Renewal, cause};
use crate::{SessionData, SessionError};

impl<T: SessionData> Renewal<T> {
    /// Carries out all steps.
    pub(super) async fn drive(
        &mut self,
        writes: WriteScope<'_>,
        mut step: Step<Revision, SessionError>,
    ) -> Outcome<Revision, SessionError> {
        let mut attempts = 0..;
        loop {
            step = match step {
                Step::ReplaceOld(renewal) => renewal.replaced(self.replace_old(writes, renewal.base()).await),
                Step::Reload(renewal) => {
                    let attempt = attempts.next().unwrap_or(u32::MAX);
                    let current = reload(&self.shared, writes, &self.base, attempt).await;
                    renewal.reloaded(self.loaded(current))
                }
                Step::CatchUp(renewal, current) => renewal.caught_up(current, self.catch_up(writes).await),
                Step::UndoCreate(cause) => {
                    writes.undo_create(&self.renewed.metadata.key).await;
                    cause.not_renewed()
                }
                Step::EndNew => {
                    let _ = writes.end(&self.renewed.metadata.key).await;
                    Cause::Gone.not_renewed()
                }
                Step::EraseOld(erase) => {
                    if erase == EraseOld::InUse {
                        tracing::error!(
                            "a session was changed under two ids: the change under the old one is lost"
                        );
                    }
                    let successor = erase.has_moved().then_some(self.renewed.metadata.key);
                    erase.done(writes.erase(&self.base.metadata.key, successor).await.is_ok())
                }
                Step::Done(outcome) => return outcome,
            };
        }
    }

    /// Keeps the old record for [`Step::CatchUp`]. Returns its revision.
    pub(super) fn loaded(
        &mut self,
        current: Result<Arc<Snapshot<T>>, SessionError>,
    ) -> Result<Revision, Cause<SessionError>> {
        let current = current.map_err(cause)?;
        let revision = current.metadata.revision;
        self.current = Some(current);
        Ok(revision)
    }

    async fn replace_old(&mut self, writes: WriteScope<'_>, replacing: Revision) -> Replaced<SessionError> {
        match writes.replace_with_tombstone(&self.tombstone, replacing, self.ttl).await {
            Ok(TombstoneOutcome::Replaced) => Replaced::Replaced,
            Ok(TombstoneOutcome::Conflict) => Replaced::Conflict,
            Ok(TombstoneOutcome::Moved) => Replaced::Moved,
            Ok(TombstoneOutcome::Gone) => Replaced::Gone,
            Err(error @ StoreError::Rejected(_)) => Replaced::Rejected(error.into()),
            Err(error) => Replaced::Unknown(error.into()),
        }
    }

    /// Saves the new record with the changes of the request made on the old record that was loaded last.
    async fn catch_up(&mut self, writes: WriteScope<'_>) -> CaughtUp<SessionError> {
        let Some(base) = self.current.take() else {
            return CaughtUp::Failed(Cause::Error(SessionError::Aborted));
        };
        let EncodedRecord { record, entry, ttl } = match self.record_after(&base) {
            Ok(record) => record,
            Err(error) => return CaughtUp::Failed(cause(error)),
        };
        match writes.save(&record, self.renewed.metadata.revision, ttl, entry.clone()).await {
            Ok(SaveOutcome::Saved) => {
                (self.base, self.renewed) = (base, entry.value);
                CaughtUp::Saved
            }
            // It has been renewed once more: the id that it had meanwhile is in use as well.
            Ok(SaveOutcome::Conflict | SaveOutcome::Moved) => CaughtUp::InUse,
            Ok(SaveOutcome::Gone) => CaughtUp::Gone,
            Err(error) => CaughtUp::Failed(Cause::Error(error.into())),
        }
    }

    /// The new record with the changes made on `base`.
    fn record_after(&self, base: &Snapshot<T>) -> Result<EncodedRecord<T>, SessionError> {
        base.check_writable()?;
        if !guarded(|| base.data.subject() == self.base.data.subject())? {
            // The changes were made for another subject.
            return Err(SessionError::Gone);
        }
        let encoded =
            EncodedData::new(&self.shared, &changed(self.shared.replays(), &*base.data, &self.changes)?)?;
        if encoded.subject() != self.subject.as_deref() {
            // The new id was made for another subject.
            return Err(SessionError::Conflict);
        }
        let now = self.shared.now();
        let metadata = self.renewed.next_metadata(self.shared.store().timestamp_at(now));
        encoded.into_record(&self.shared, &metadata, now)
    }
}
