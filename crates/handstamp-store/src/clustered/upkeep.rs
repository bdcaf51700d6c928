//! Work of a node that belongs to no request: deletes are repeated.

use futures_util::future::join_all;
use handstamp_core::id::SessionKey;
use handstamp_core::protocol::logout::EndOutcome;

use super::deletes::Repeat;
use super::moves::outcome_of;
use super::node::Node;
use super::shard_state::{SentTo, ShardState};
use super::tombstones::tombstone;
use super::write_scope::WriteScope;
use crate::{DeleteOutcome, DeleteScope, Shard, StoreError};

impl Node {
    /// Repeats the pending deletes of a shard, and stops when all deletes that are sent together fail. Begins at position `from`, and returns
    /// where to begin the next time, so that deletes that always fail do not block the others.
    pub(super) async fn send_pending_deletes(&self, shard: Shard, from: usize) -> usize {
        let mut pending = self.deletes.pending(|key| self.store.shard_of(key) == shard);
        let mut next = from.checked_rem(pending.len()).unwrap_or(0);
        pending.rotate_left(next);
        let mut count = 0;
        for deletes in pending.chunks(CONCURRENT_DELETES) {
            let writes = WriteScope::new(self);
            let send = deletes.iter().map(async |(key, repeat)| writes.repeat_delete(key, *repeat).await);
            let sent = join_all(send).await;
            count += sent.iter().filter(|sent| matches!(sent, Ok(true))).count();
            // The others are no longer pending.
            next += sent.iter().filter(|sent| sent.is_err()).count();
            if sent.iter().all(Result::is_err) {
                break;
            }
        }
        if count > 0 {
            tracing::info!(count, "deleted sessions that the store had not deleted, or had again");
        }
        next
    }

    /// Makes the recent deletes of a shard pending again: a subscription has begun or ended, so the shard may have another server, which
    /// may not have them.
    pub(super) fn repeat_recent_deletes(&self, shard: &ShardState) {
        // First: a delete in flight is remembered after this, and notices it, or is found below.
        shard.note_server_change();
        self.deletes.repeat_all(shard.shard, self.clock.now(), |key| self.is_in(key, shard));
    }
}

impl WriteScope<'_> {
    /// Repeats a delete that this node remembers. Returns whether there was a record.
    async fn repeat_delete(self, key: &SessionKey, repeat: Repeat) -> Result<bool, StoreError> {
        let successor = match repeat {
            Repeat::End => return Ok(self.end(key).await? == EndOutcome::Ended),
            Repeat::Erase(successor) => successor,
        };
        let (node, sent_to) = (self.node, SentTo::new(self.node.shard_of(key)));
        let deleted = self.delete(&sent_to.state, &tombstone(*key, successor)?, DeleteScope::All).await;
        node.deletes.repeated(key, sent_to.state.shard, outcome_of(&deleted), node.clock.now());
        node.repeat_if_server_changed(key, &sent_to);
        node.invalidate(key, None);
        let deleted = deleted?;
        self.end_successor(&deleted, successor).await?;
        Ok(deleted == DeleteOutcome::Deleted)
    }
}

const CONCURRENT_DELETES: usize = 64;
