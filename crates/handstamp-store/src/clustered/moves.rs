//! A session leaves an id: it moves to another one, or its record is deleted there.

use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
use handstamp_core::protocol::logout::{EndOutcome, erase_next};
use handstamp_core::record::{Revision, Tombstone};

use super::deletes::{Outcome, Reason};
use super::shard_state::{SentTo, ShardState};
use super::tombstones::{TOMBSTONE_TTL, tombstone};
use super::write_scope::WriteScope;
use crate::{DeleteOutcome, DeleteScope, StoreError, TombstoneOutcome};

impl WriteScope<'_> {
    /// Replaces the record of a session that has moved to another id, if it has the revision `replacing`, with a tombstone that lives for
    /// `ttl`. Repeated with the same `tombstone`, it returns whether the first call was carried out.
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or rejects it.
    pub async fn replace_with_tombstone(
        self,
        tombstone: &Tombstone,
        replacing: Revision,
        ttl: Duration,
    ) -> Result<TombstoneOutcome, StoreError> {
        let (node, key) = (self.node, &tombstone.key);
        match node.delete_reason(key) {
            Some(Reason::Move(successor)) if Some(successor) != tombstone.successor => {
                return Ok(TombstoneOutcome::Moved);
            }
            Some(Reason::End | Reason::Erase) => return Ok(TombstoneOutcome::Gone),
            Some(Reason::Move(_)) | None => {}
        }
        let invalidation = node.encode(&Invalidation::SessionMoved(*key), node.clock.now());
        let sealed = node.sealer.seal_tombstone(tombstone);
        let replace = || node.store.replace_with_tombstone(&sealed, replacing, ttl, invalidation.clone());
        let sent_to = SentTo::new(node.shard_of(key));
        // Every outcome proves the first one: the tombstone is there or not.
        let outcome = self.write(&sent_to.state, replace, |_| true).await;
        match outcome {
            Ok(outcome) => {
                if outcome == TombstoneOutcome::Replaced {
                    let reason = tombstone.successor.map_or(Reason::Erase, Reason::Move);
                    node.remember_delete(key, &sent_to, reason, Outcome::Deleted, true);
                }
                node.invalidate(key, None);
            }
            Err(_) => node.mark_stale(key),
        }
        outcome
    }

    /// Shortens the life of a tombstone to that of a deleted session, 30 seconds, because this node knows now that
    /// [`replace_with_tombstone`](Self::replace_with_tombstone) was carried out.
    ///
    /// # Errors
    ///
    /// If the store does not reply in time, or rejects it.
    pub async fn confirm_tombstone(self, tombstone: &Tombstone) -> Result<(), StoreError> {
        let (node, sealed) = (self.node, self.node.sealer.seal_tombstone(tombstone));
        let shard = node.shard_of(&tombstone.key);
        self.write(&shard, || node.store.keep_tombstone(&sealed, TOMBSTONE_TTL), |()| true).await
    }

    /// Deletes the record of `key` without following a session that has moved. The tombstone names the `successor`, if the session has moved to
    /// one.
    ///
    /// If the session has already ended under `key`, a logout has found it there although it had moved. Then the record of the successor
    /// is deleted, too.
    ///
    /// # Errors
    ///
    /// As for [`end`](Self::end).
    pub async fn erase(
        self,
        key: &SessionKey,
        successor: Option<SessionKey>,
    ) -> Result<EndOutcome, StoreError> {
        let deleted = self.erase_one(key, successor).await?;
        self.end_successor(&deleted, successor).await?;
        Ok(match deleted {
            DeleteOutcome::Deleted | DeleteOutcome::Moved(_) | DeleteOutcome::OutOfScope(_) => {
                EndOutcome::Ended
            }
            DeleteOutcome::Gone => EndOutcome::HadEnded,
            DeleteOutcome::Absent => EndOutcome::Absent,
        })
    }

    /// Deletes a session that this node has just created, and that no browser knows. If that fails, its record expires with its time to live.
    pub async fn undo_create(self, key: &SessionKey) {
        if let Ok(tombstone) = tombstone(*key, None) {
            let _ = self.delete(&self.node.shard_of(key), &tombstone, DeleteScope::All).await;
        }
        self.node.invalidate(key, None);
    }

    pub(super) async fn erase_one(
        self,
        key: &SessionKey,
        successor: Option<SessionKey>,
    ) -> Result<DeleteOutcome, StoreError> {
        let (node, sent_to) = (self.node, SentTo::new(self.node.shard_of(key)));
        let reason = successor.map_or(Reason::Erase, Reason::Move);
        let deleted = self.delete(&sent_to.state, &tombstone(*key, successor)?, DeleteScope::All).await;
        node.remember_delete(key, &sent_to, reason, outcome_of(&deleted), true);
        node.invalidate(key, None);
        deleted
    }

    pub(super) async fn delete(
        self,
        shard: &ShardState,
        tombstone: &Tombstone,
        scope: DeleteScope,
    ) -> Result<DeleteOutcome, StoreError> {
        let node = self.node;
        let invalidation = match tombstone.successor {
            Some(_) => Invalidation::SessionMoved(tombstone.key),
            None => Invalidation::SessionDeleted(tombstone.key),
        };
        let invalidation = node.encode(&invalidation, node.clock.now());
        let sealed = node.sealer.seal_tombstone(tombstone);
        let delete = || node.store.delete(&sealed, TOMBSTONE_TTL, scope, invalidation.clone());
        self.write(shard, delete, |_| true).await
    }

    /// Passes on a logout that has found the session under its former id.
    pub(super) async fn end_successor(
        self,
        deleted: &DeleteOutcome,
        successor: Option<SessionKey>,
    ) -> Result<(), StoreError> {
        if let Some(successor) = erase_next(*deleted == DeleteOutcome::Gone, successor) {
            let _ = self.erase_one(&successor, None).await?;
        }
        Ok(())
    }
}

pub(super) fn outcome_of(deleted: &Result<DeleteOutcome, StoreError>) -> Outcome {
    match deleted {
        Ok(DeleteOutcome::Deleted | DeleteOutcome::Moved(_)) => Outcome::Deleted,
        Ok(DeleteOutcome::OutOfScope(_) | DeleteOutcome::Gone | DeleteOutcome::Absent) => Outcome::Absent,
        Err(_) => Outcome::Unconfirmed,
    }
}
