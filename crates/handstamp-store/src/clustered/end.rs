//! A session ends, under all ids that it has had.

use handstamp_core::id::SessionKey;
use handstamp_core::invalidation::Invalidation;
pub use handstamp_core::protocol::logout::EndOutcome;
use handstamp_core::protocol::logout::{Deleted, EndError, Ended, Found, Logout, Step};
use handstamp_core::record::Tombstone;

use super::deletes::{Outcome, Reason};
use super::node::Node;
use super::shard_state::{SentTo, ShardState};
use super::tombstones::tombstone;
use super::write_scope::WriteScope;
use crate::{DeleteOutcome, DeleteScope, StoreError};

impl WriteScope<'_> {
    /// Ends a session, for all nodes and for good, also if it has moved.
    ///
    /// Follows the tombstones of a session that has moved, and deletes the predecessor that a record names, so that no id that the
    /// browser has ever held can be used any more. Sends nothing for a session that this node has deleted within the last 30 seconds, if no
    /// other server can have taken over since. The cache is not consulted: a failover may have undone the delete of another node.
    ///
    /// # Errors
    ///
    /// If the store does not confirm all of that in time. This node then serves the session no more, and repeats the delete until the store
    /// confirms it, as long as the node runs. If the node remembers too many deletes already, it does neither, and logs an error.
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

    /// Ends a session under one of its ids.
    async fn end_at(self, logout: Logout<SessionKey, StoreError>) -> Step<SessionKey, StoreError> {
        let (node, key) = (self.node, logout.key());
        let known_successor = |key: &SessionKey| node.known_successor(key);
        if node.is_delete_confirmed(&key) {
            return logout.next(Ended::Yes(EndOutcome::HadEnded), known_successor);
        }
        let was_cached = node.cache.sessions.entries.contains(&key);
        let sent_to = SentTo::new(node.shard_of(&key));
        let tombstone = tombstone(key, None);
        let delete = |scope| self.delete_for_logout(tombstone.clone(), &sent_to.state, was_cached, scope);
        let ended = match logout.deleted(delete(DeleteScope::WithoutPredecessor).await) {
            Found::Ended(ended) => ended,
            Found::Predecessor(predecessor) => {
                // At the same time: a shard that cannot be reached must not keep the session of another one alive.
                let erase = self.erase_predecessor(predecessor);
                let (erased, deleted) = tokio::join!(erase, delete(DeleteScope::All));
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
        let reason = known.map_or(Reason::End, Reason::Move);
        node.remember_delete(&key, &sent_to, reason, outcome, was_cached);
        node.invalidate(&key, None);
        if let Ended::Yes(_) = ended {
            node.cache_ended(&key);
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
        shard: &ShardState,
        was_cached: bool,
        scope: DeleteScope,
    ) -> Result<Deleted<SessionKey>, StoreError> {
        let tombstone = tombstone?;
        let deleted = self.delete(shard, &tombstone, scope).await?;
        if deleted == DeleteOutcome::Absent && was_cached {
            // Something else than this library has removed it, without an invalidation.
            self.publish_delete(&tombstone.key).await?;
        }
        self.node.verify_deleted(deleted)
    }

    async fn publish_delete(self, key: &SessionKey) -> Result<(), StoreError> {
        let message = self.node.encode(&Invalidation::SessionDeleted(*key), self.node.clock.now());
        let published = self.node.bus.publish(self.node.store.shard_of(key), message);
        self.with_deadline(published).await?.map_err(StoreError::unavailable)
    }
}

impl Node {
    /// # Errors
    ///
    /// If the session has moved, and this node cannot read where to.
    fn verify_deleted(&self, deleted: DeleteOutcome) -> Result<Deleted<SessionKey>, StoreError> {
        Ok(match deleted {
            DeleteOutcome::Deleted => Deleted::Deleted,
            DeleteOutcome::OutOfScope(record) => Deleted::OutOfScope(self.predecessor(&record)),
            DeleteOutcome::Moved(tombstone) => {
                self.successor(&tombstone)?.map_or(Deleted::Absent, Deleted::Moved)
            }
            DeleteOutcome::Gone => Deleted::HadEnded,
            DeleteOutcome::Absent => Deleted::Absent,
        })
    }
}
