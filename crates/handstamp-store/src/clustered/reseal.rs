//! Records are read back, and resealed under the current secret.

use std::sync::Arc;
use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::keys::KeyAge;
use handstamp_core::record::Record;

use super::lookup::{Gone, Lookup};
use super::stored_reply::{Decoded, Loaded, StoredReply};
use super::write_scope::WriteScope;
use super::writes::is_saved;
use crate::{SaveOutcome, StoreError, TouchOutcome};

impl WriteScope<'_> {
    /// Loads a session from the store, bypassing the local cache, within the rest of the budget.
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or `decode` fails.
    pub async fn load<V, E, F>(self, key: &SessionKey, decode: F) -> Result<Lookup<Arc<V>>, E>
    where
        E: From<StoreError>,
        F: Fn(Loaded) -> Result<Decoded<V>, E>,
    {
        Ok(match self.query(key).await? {
            Ok(loaded) => match decode(loaded)? {
                Decoded::Session { entry, .. } => Lookup::Found(entry.value),
                Decoded::Expired => Lookup::Absent,
                Decoded::Unreadable => Lookup::Unreadable,
            },
            Err(gone) => gone.into(),
        })
    }

    /// [`touch`](Self::touch) for a record that is not sealed under the current secret: saves it unchanged under the current one, so that the
    /// other one can be removed.
    ///
    /// # Errors
    ///
    /// As for [`touch`](Self::touch).
    pub async fn reseal(self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        match self.query(key).await? {
            Ok(loaded) => self.save_resealed(loaded.record, ttl).await,
            Err(gone) => Ok(gone.into()),
        }
    }

    /// Makes sure that a session exists before its cookie is issued again. Returns the age of the key that its record is sealed under;
    /// `None` if it does not exist.
    ///
    /// The record is resealed if necessary, unless another node has done that [within `pause`](Loaded::is_contested).
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or rejects it.
    pub async fn confirm(
        self,
        key: &SessionKey,
        ttl: Duration,
        pause: Duration,
    ) -> Result<Option<KeyAge>, StoreError> {
        let Ok(loaded) = self.query(key).await? else { return Ok(None) };
        if loaded.key_age == KeyAge::Current || loaded.is_contested(self.node.timestamp(), pause) {
            return Ok(Some(loaded.key_age));
        }
        // This does not count as use of the session.
        let ttl = loaded.remaining.map_or(ttl, |remaining| remaining.min(ttl));
        let saved = self.save_resealed(loaded.record, ttl).await?;
        Ok((saved == TouchOutcome::Touched).then_some(KeyAge::Current))
    }

    async fn query(self, key: &SessionKey) -> Result<Result<Loaded, Gone>, StoreError> {
        if let Some(gone) = self.node.known_gone(key) {
            return Ok(Err(gone));
        }
        let gone = match self.with_deadline(self.node.query_primary(key)).await?? {
            StoredReply::Record(loaded) => return Ok(Ok(loaded)),
            StoredReply::Moved { .. } => Gone::Moved,
            StoredReply::Ended | StoredReply::Absent => Gone::Ended,
        };
        self.node.invalidate(key, None);
        Ok(Err(gone))
    }

    async fn save_resealed(self, mut record: Record, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let (node, key, replacing) = (self.node, record.key, record.revision);
        let now = node.clock.now();
        record.saved_at = node.timestamp_at(now);
        record.revision = replacing.next(record.saved_at);
        let sealed = node.sealer.seal(&record)?;
        let invalidation = node.encode(&Invalidation::SessionInvalidated(key, record.revision), now);
        let save = || node.store.save(&sealed, replacing, ttl, invalidation.clone());
        let saved = self.write(&node.shard_of(&key), save, is_saved).await;
        node.invalidate(&key, None);
        match saved? {
            SaveOutcome::Saved => Ok(TouchOutcome::Touched),
            SaveOutcome::Moved => Ok(TouchOutcome::Moved),
            SaveOutcome::Gone => Ok(TouchOutcome::Gone),
            // Another request has saved it, under the current secret of its node.
            SaveOutcome::Conflict => self.touch(&key, ttl).await,
        }
    }
}
