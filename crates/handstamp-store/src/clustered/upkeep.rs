//! Work of a node that belongs to no request.

use futures_util::future::join_all;

use super::lane::Lane;
use super::node::Node;
use super::writes::WriteScope;
use crate::Shard;

impl Node {
    /// Tells a shard of the deletes that it has not confirmed, and stops when all of those that are sent together fail.
    /// Begins at position `from`, and returns where to begin the next time, so that deletes which always fail do not block the
    /// others.
    pub(super) async fn send_pending_deletes(&self, shard: Shard, from: usize) -> usize {
        let mut pending = self.deletes.pending(|key| self.store.shard_of(key) == shard);
        let mut next = from.checked_rem(pending.len()).unwrap_or(0);
        pending.rotate_left(next);
        let mut count = 0;
        for deletes in pending.chunks(DELETES_AT_ONCE) {
            let writes = WriteScope::new(self);
            let sent =
                join_all(deletes.iter().map(async |(key, again)| writes.delete_again(key, *again).await))
                    .await;
            count += sent.iter().filter(|sent| matches!(sent, Ok(true))).count();
            // The others are no longer pending.
            next += sent.iter().filter(|sent| sent.is_err()).count();
            if sent.iter().all(Result::is_err) {
                break;
            }
        }
        if count > 0 {
            tracing::info!(count, "deleted sessions again, or late");
        }
        next
    }

    /// Has the recent deletes in a shard sent again, because they may have been undone: another server may have taken over.
    pub(super) fn repeat_recent_deletes(&self, lane: &Lane) {
        // First: the outcome of a delete that is on its way is remembered after that, or found below.
        lane.switched();
        self.deletes.repeat_all(lane.shard, self.clock.now(), |key| self.lies_in(key, lane));
    }
}

const DELETES_AT_ONCE: usize = 64;
