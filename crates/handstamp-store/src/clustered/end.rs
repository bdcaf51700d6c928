use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
pub use handstamp_core::protocol::logout::EndOutcome;
use handstamp_core::protocol::logout::{Deleted, EndError, Ended, Found, Logout, Step, erase_next};
use handstamp_core::record::{Revision, Tombstone};

use super::deletes::{Again, Kind, Outcome};
use super::lane::{Lane, Sent};
use super::node::Node;
use super::writes::WriteScope;
use crate::{DeleteOutcome, DeleteScope, StoreError, TombstoneOutcome};

/// How sessions end, and how they leave an id for another one.
impl WriteScope<'_> {
    /// Ends a session, for all nodes and for good, and wherever it has moved to.
    ///
    /// Follows the tombstones of a session that has moved, and deletes the predecessor that a record names, so that no id that the
    /// browser has ever held is of use. Sends nothing for a session that this node itself has deleted in the last half minute, as long as
    /// it is certain that no other server has taken over. The cache is not asked: a failover may have undone the delete of another node.
    ///
    /// # Errors
    ///
    /// When the store does not confirm all of that in time. The session is then over on this node at once, and the delete is sent again
    /// until the store confirms it, as long as this node runs. If the node remembers too many deletes already, neither
    /// is true, and an error is logged.
    pub async fn end(self, key: &SessionKey) -> Result<EndOutcome, StoreError> {
        let mut step = Logout::begin(*key, self.node.known_successor(key));
        loop {
            match step {
                Step::Delete(logout) => step = self.end_at(logout).await,
                Step::Done(Ok(outcome)) => return Ok(outcome),
                Step::Done(Err(EndError::Store(error))) => return Err(error),
                Step::Done(Err(EndError::MovedTooOften)) => {
                    return Err(StoreError::unavailable("the session has moved to another id too often"));
                }
            }
        }
    }

    /// Deletes the record of `key`, and does not follow a session that has moved. If the session has moved to a `successor`, the
    /// tombstone says so.
    ///
    /// If the session has ended under `key` before, a logout has found it there although it had moved. Then the record of the successor is
    /// deleted, too.
    ///
    /// # Errors
    ///
    /// As with [`end`](Self::end).
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

    /// Repeats a delete that this node remembers. Returns whether there was a record.
    pub(super) async fn delete_again(self, key: &SessionKey, again: Again) -> Result<bool, StoreError> {
        let successor = match again {
            Again::End => return Ok(self.end(key).await? == EndOutcome::Ended),
            Again::Erase(successor) => successor,
        };
        let (node, sent) = (self.node, Sent::to(self.node.lane_of(key)));
        let deleted = self.delete_at(&sent.lane, &tombstone(*key, successor)?, DeleteScope::All).await;
        node.deletes.sent_again(key, sent.lane.shard, outcome_of(&deleted), node.clock.now());
        node.repeat_if_switched(key, &sent);
        node.forget(key, None);
        let deleted = deleted?;
        self.end_successor(&deleted, successor).await?;
        Ok(deleted == DeleteOutcome::Deleted)
    }

    /// Takes back a session of which nobody has heard, as far as that can be done: should it fail, the record goes with
    /// its time.
    pub async fn undo_create(self, key: &SessionKey) {
        if let Ok(tombstone) = tombstone(*key, None) {
            let _ = self.delete_at(&self.node.lane_of(key), &tombstone, DeleteScope::All).await;
        }
        self.node.forget(key, None);
    }

    /// Puts a tombstone in the place of the record of a session that has moved to another id, if it has the revision `replacing`.
    /// Repeating it with the same `tombstone`, which lasts for `ttl`, tells whether it had been done.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn replace_with_tombstone(
        self,
        tombstone: &Tombstone,
        replacing: Revision,
        ttl: Duration,
    ) -> Result<TombstoneOutcome, StoreError> {
        let (node, key) = (self.node, &tombstone.key);
        match node.deleted(key) {
            Some(Kind::Move(successor)) if Some(successor) != tombstone.successor => {
                return Ok(TombstoneOutcome::Moved);
            }
            Some(Kind::End | Kind::Erase) => return Ok(TombstoneOutcome::Gone),
            Some(Kind::Move(_)) | None => {}
        }
        let invalidation = node.message(&Invalidation::SessionMoved(*key));
        let sealed = node.sealer.seal_tombstone(tombstone);
        // The tombstone tells whether it was done.
        let retire = || node.store.replace_with_tombstone(&sealed, replacing, ttl, invalidation.clone());
        let sent = Sent::to(node.lane_of(key));
        let outcome = self.write(&sent.lane, retire, |_| true).await;
        match outcome {
            Ok(outcome) => {
                if outcome == TombstoneOutcome::Replaced {
                    let kind = tombstone.successor.map_or(Kind::Erase, Kind::Move);
                    node.remember_delete(key, &sent, kind, Outcome::Deleted, true);
                }
                node.forget(key, None);
            }
            Err(_) => node.mark_stale(key),
        }
        outcome
    }

    /// This node has heard that [`replace_with_tombstone`](Self::replace_with_tombstone) was done: from now on the tombstone lasts as long as that of a deleted
    /// session, for half a minute.
    ///
    /// # Errors
    ///
    /// When the store does not reply in time, or rejects it.
    pub async fn confirm_retired(self, tombstone: &Tombstone) -> Result<(), StoreError> {
        let (node, sealed) = (self.node, self.node.sealer.seal_tombstone(tombstone));
        let lane = node.lane_of(&tombstone.key);
        self.write(&lane, || node.store.keep_tombstone(&sealed, TOMBSTONE_TTL), |()| true).await
    }

    async fn erase_one(
        self,
        key: &SessionKey,
        successor: Option<SessionKey>,
    ) -> Result<DeleteOutcome, StoreError> {
        let (node, sent) = (self.node, Sent::to(self.node.lane_of(key)));
        let kind = successor.map_or(Kind::Erase, Kind::Move);
        let deleted = self.delete_at(&sent.lane, &tombstone(*key, successor)?, DeleteScope::All).await;
        node.remember_delete(key, &sent, kind, outcome_of(&deleted), true);
        node.forget(key, None);
        deleted
    }

    /// Passes on a logout that has found the session under the id that it had before.
    async fn end_successor(
        self,
        deleted: &DeleteOutcome,
        successor: Option<SessionKey>,
    ) -> Result<(), StoreError> {
        if let Some(successor) = erase_next(*deleted == DeleteOutcome::Gone, successor) {
            let _ = self.erase_one(&successor, None).await?;
        }
        Ok(())
    }

    /// Ends a session under one of its ids.
    async fn end_at(self, logout: Logout<SessionKey, StoreError>) -> Step<SessionKey, StoreError> {
        let (node, key) = (self.node, logout.key());
        let known_successor = |key: &SessionKey| node.known_successor(key);
        if node.is_delete_confirmed(&key) {
            return logout.next(Ended::Yes(EndOutcome::HadEnded), known_successor);
        }
        let (held, sent) = (node.cache.contains(&key), Sent::to(node.lane_of(&key)));
        let tombstone = tombstone(key, None);
        let deleted = self
            .delete_for_logout(tombstone.clone(), &sent.lane, held, DeleteScope::WithoutPredecessor)
            .await;
        let ended = match logout.deleted(deleted) {
            Found::Ended(ended) => ended,
            Found::Predecessor(predecessor) => {
                // At the same time: a shard that is away must not keep the session of another one alive.
                let (erased, deleted) = tokio::join!(
                    self.erase_predecessor(predecessor),
                    self.delete_for_logout(tombstone, &sent.lane, held, DeleteScope::All),
                );
                logout.both_deleted(erased, deleted)
            }
        };
        let outcome = match &ended {
            Ended::Yes(EndOutcome::Ended) => Outcome::Deleted,
            Ended::Yes(EndOutcome::HadEnded | EndOutcome::Absent) => Outcome::Absent,
            Ended::Moved(successor) => Outcome::Moved(*successor),
            Ended::Unconfirmed(_) => Outcome::Unconfirmed,
        };
        // Without a reply, only this node knows where the session is.
        let known = logout.known_successor().filter(|_| outcome == Outcome::Unconfirmed);
        node.remember_delete(&key, &sent, known.map_or(Kind::End, Kind::Move), outcome, held);
        node.forget(&key, None);
        if let Ended::Yes(_) = ended {
            node.remember_ended(&key);
        }
        logout.next(ended, known_successor)
    }

    async fn erase_predecessor(self, predecessor: Option<SessionKey>) -> Result<(), StoreError> {
        match predecessor {
            Some(predecessor) => self.erase_one(&predecessor, None).await.map(drop),
            None => Ok(()),
        }
    }

    async fn delete_for_logout(
        self,
        tombstone: Result<Tombstone, StoreError>,
        lane: &Lane,
        held: bool,
        scope: DeleteScope,
    ) -> Result<Deleted<SessionKey>, StoreError> {
        let tombstone = tombstone?;
        let deleted = self.delete_at(lane, &tombstone, scope).await?;
        if deleted == DeleteOutcome::Absent && held {
            // Something else than this library has removed it, without an invalidation.
            self.announce_delete(&tombstone.key).await?;
        }
        self.node.found(deleted)
    }

    async fn delete_at(
        self,
        lane: &Lane,
        tombstone: &Tombstone,
        scope: DeleteScope,
    ) -> Result<DeleteOutcome, StoreError> {
        let node = self.node;
        let invalidation = node.message(&match tombstone.successor {
            Some(_) => Invalidation::SessionMoved(tombstone.key),
            None => Invalidation::SessionDeleted(tombstone.key),
        });
        let sealed = node.sealer.seal_tombstone(tombstone);
        self.write(lane, || node.store.delete(&sealed, TOMBSTONE_TTL, scope, invalidation.clone()), |_| true)
            .await
    }

    async fn announce_delete(self, key: &SessionKey) -> Result<(), StoreError> {
        let message = self.node.message(&Invalidation::SessionDeleted(*key));
        let published = self.node.bus.publish(self.node.store.shard_of(key), message);
        self.with_deadline(published).await?.map_err(StoreError::unavailable)
    }
}

impl Node {
    /// The key that the session has moved to as far as this node remembers.
    fn known_successor(&self, key: &SessionKey) -> Option<SessionKey> {
        match self.deleted(key) {
            Some(Kind::Move(successor)) => Some(successor),
            Some(Kind::End | Kind::Erase) | None => None,
        }
    }

    /// # Errors
    ///
    /// When the session has moved, and this node cannot read where to.
    fn found(&self, deleted: DeleteOutcome) -> Result<Deleted<SessionKey>, StoreError> {
        Ok(match deleted {
            DeleteOutcome::Deleted => Deleted::Deleted,
            DeleteOutcome::OutOfScope(record) => Deleted::Spared(self.predecessor(&record)),
            DeleteOutcome::Moved(tombstone) => {
                self.successor(&tombstone)?.map_or(Deleted::Absent, Deleted::Moved)
            }
            DeleteOutcome::Gone => Deleted::HadEnded,
            DeleteOutcome::Absent => Deleted::Absent,
        })
    }
}

fn tombstone(key: SessionKey, successor: Option<SessionKey>) -> Result<Tombstone, StoreError> {
    let revision = Revision::first().map_err(StoreError::unavailable)?;
    Ok(Tombstone { key, revision, successor, same_subject: false })
}

fn outcome_of(deleted: &Result<DeleteOutcome, StoreError>) -> Outcome {
    match deleted {
        Ok(DeleteOutcome::Deleted | DeleteOutcome::Moved(_)) => Outcome::Deleted,
        Ok(DeleteOutcome::OutOfScope(_) | DeleteOutcome::Gone | DeleteOutcome::Absent) => Outcome::Absent,
        Err(_) => Outcome::Unconfirmed,
    }
}

/// How long late requests find the tombstone of a session.
pub(super) const TOMBSTONE_TTL: Duration = Duration::from_secs(30);
