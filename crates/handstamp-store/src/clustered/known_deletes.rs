//! The use of the deletes that a node remembers.

use handstamp_core::id::SessionKey;

use super::cached::Absence;
use super::deletes::{Outcome, Reason};
use super::lookup::Gone;
use super::node::{ABSENT_TTL, Node};
use super::shard_state::SentTo;

impl Node {
    /// Why the session is gone, if this node has deleted it.
    pub(super) fn known_gone(&self, key: &SessionKey) -> Option<Gone> {
        self.delete_reason(key).map(|reason| match reason {
            Reason::Move(_) => Gone::Moved,
            Reason::End | Reason::Erase => Gone::Ended,
        })
    }

    /// The key that the session has moved to, if this node has moved it.
    pub(super) fn known_successor(&self, key: &SessionKey) -> Option<SessionKey> {
        match self.delete_reason(key) {
            Some(Reason::Move(successor)) => Some(successor),
            Some(Reason::End | Reason::Erase) | None => None,
        }
    }

    /// Whether a logout need not be sent: the server has confirmed the delete, and no other server has taken over since.
    pub(super) fn is_delete_confirmed(&self, key: &SessionKey) -> bool {
        let (shard, now) = (self.store.shard_of(key), self.clock.now());
        self.cache.sessions.freshness(shard).is_fresh(now) && self.deletes.is_confirmed(key, shard, now)
    }

    /// Remembers a delete. `was_cached`: whether the cache had a copy of the session, so that it existed.
    pub(super) fn remember_delete(
        &self,
        key: &SessionKey,
        sent_to: &SentTo,
        reason: Reason,
        outcome: Outcome,
        was_cached: bool,
    ) {
        let now = self.clock.now();
        let existed = was_cached || matches!(outcome, Outcome::Deleted | Outcome::Moved(_));
        if !self.deletes.remember(*key, sent_to.state.shard, reason, outcome, existed, now)
            && let Some(more) = self.log_limits.deletes.admit(now)
        {
            if outcome == Outcome::Unconfirmed {
                tracing::error!(more, "too many deletes are not confirmed by the store: one is not repeated");
            } else {
                tracing::error!(
                    more,
                    "too many sessions were deleted at once: a failover could bring one of them back"
                );
            }
        }
        self.repeat_if_server_changed(key, sent_to);
    }

    /// Repeats a delete whose outcome does not hold for the server that the shard has now. Must be called after the outcome was
    /// remembered: a later change of the server finds the delete there.
    pub(super) fn repeat_if_server_changed(&self, key: &SessionKey, sent_to: &SentTo) {
        if !sent_to.is_server_of(&self.shard_of(key)) {
            self.deletes.repeat(key);
        }
    }

    /// Caches that the session has ended. Since no id is ever used again, that stays true.
    pub(super) fn cache_ended(&self, key: &SessionKey) {
        let cache = &self.cache.sessions;
        let freshness = cache.freshness(self.store.shard_of(key));
        let expiry = self.expiry(key, self.clock.now(), ABSENT_TTL);
        let _ = cache.entries.begin_fill(key, &freshness).complete_absent(Absence::Ended, expiry);
    }

    /// Why this node has deleted the session, if it has.
    pub(super) fn delete_reason(&self, key: &SessionKey) -> Option<Reason> {
        self.deletes.find(key, self.clock.now()).map(|(reason, _)| reason)
    }
}
