//! What a node does for the store's sake, beside requests.

use futures_util::future::join_all;

use super::node::Node;
use super::writes::Writes;
use crate::Shard;

impl Node {
    /// Tells a shard of the deletes that it has not acknowledged. Stops at the first failure.
    pub(super) async fn retry_pending_deletes(&self, shard: Shard) {
        let mut pending = self.pending_deletes.all();
        pending.retain(|key| self.store.shard_of(key) == shard);
        for keys in pending.chunks(DELETES_AT_ONCE) {
            let writes = Writes::new(self);
            let told = join_all(keys.iter().map(|key| async move {
                let told = writes.delete_again(key).await.is_ok();
                if told {
                    self.pending_deletes.done(key);
                }
                told
            }));
            let told = told.await;
            let count = told.iter().filter(|told| **told).count();
            if count > 0 {
                tracing::info!(count, "deleted sessions that could not be deleted before");
            }
            if count < told.len() {
                return;
            }
        }
    }

    /// Has the recent deletes in a shard repeated. On this node the sessions are over in the meantime.
    pub(super) fn repeat_recent_deletes(&self, shard: Shard) {
        for key in self.recent_deletes.since_window(self.clock.now()) {
            if self.store.shard_of(&key) == shard {
                self.pending_deletes.remember(key);
            }
        }
    }
}

const DELETES_AT_ONCE: usize = 64;
