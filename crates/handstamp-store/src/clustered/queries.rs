//! Queries to the store, and the verification of its replies.

use std::time::Instant;

use handstamp_core::id::SessionKey;
use handstamp_core::record::{Entry, Opened, RecordError, Tombstone};

use super::node::Node;
use super::retry::retry_lost_reply;
use super::stored_reply::{Loaded, StoredReply};
use crate::{StoreError, Stored};

impl Node {
    /// The record on the primary.
    pub(super) async fn query_primary(&self, key: &SessionKey) -> Result<StoredReply, StoreError> {
        let query = async || {
            let stored = retry_lost_reply(|| self.store.load(key), |_| true).await?;
            stored.map_or(Ok(StoredReply::Absent), |stored| self.open(stored))
        };
        match query().await {
            Err(StoreError::Record(RecordError::Forged)) => {
                // It may have been the reply to another call.
                self.store.report_forged(key);
                query().await
            }
            reply => reply,
        }
    }

    /// The record that a replica has, if this node knows of no recent change. Absence and tombstones are left to the primary.
    pub(super) async fn query_replica(&self, key: &SessionKey, now: Instant) -> Option<Loaded> {
        let changes = self.cache.recent_changes.as_ref()?;
        if changes.may_contain(key, now) {
            return None;
        }
        let stored = self.store.load_from_replica(key).await?;
        match self.open(stored) {
            Ok(StoredReply::Record(loaded)) => Some(loaded),
            _ => None,
        }
    }

    /// The key that the session of this tombstone has moved to. `None` if no node has sealed the tombstone.
    ///
    /// # Errors
    ///
    /// If a node has sealed it under a secret that this node does not have, or in a later format.
    pub(super) fn successor(&self, tombstone: &Entry) -> Result<Option<SessionKey>, StoreError> {
        match self.sealer.relative(tombstone) {
            Ok(successor) => Ok(successor.filter(|_| tombstone.is_tombstone())),
            Err(reason @ (RecordError::Malformed | RecordError::Forged)) => {
                self.report_malformed(reason);
                Ok(None)
            }
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The predecessor that this record names; `None` also if the record cannot be read, because that must not block a logout.
    pub(super) fn predecessor(&self, record: &Entry) -> Option<SessionKey> {
        self.sealer.relative(record).inspect_err(|error| drop(self.unreadable(*error))).ok()?
    }

    pub(super) fn open(&self, Stored { entry, remaining }: Stored) -> Result<StoredReply, StoreError> {
        match self.sealer.open(&entry) {
            Ok(Opened::Record(record, key_age)) => {
                let was_resealed = self.sealer.was_resealed(&record);
                Ok(StoredReply::Record(Loaded { record, key_age, was_resealed, remaining }))
            }
            Ok(Opened::Tombstone(Tombstone { successor: Some(_), same_subject, .. })) => {
                Ok(StoredReply::Moved { same_subject, remaining })
            }
            Ok(Opened::Tombstone(_)) => Ok(StoredReply::Ended),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    pub(super) fn report_malformed(&self, reason: RecordError) {
        if let Some(more) = self.log_limits.malformed.admit(self.clock.now()) {
            tracing::error!(
                %reason,
                more,
                "the key of a session has something else than a record of this deployment: it is left unchanged"
            );
        }
    }

    fn unreadable(&self, error: RecordError) -> StoreError {
        if error == RecordError::UnknownKey {
            self.unknown_keys.record(self.clock.now());
        }
        error.into()
    }
}
