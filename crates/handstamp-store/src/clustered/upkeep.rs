//! What a node does for the store's sake, beside requests.

use futures_util::future::join_all;

use super::node::Node;
use super::writes::Writes;
use crate::Shard;

impl Node {
    /// Tells a shard of the deletes that it has not acknowledged. Stops at the first failure.
    pub(super) async fn send_owed_deletes(&self, shard: Shard) {
        let owed = self.deletes.all_owed(|key| self.store.shard_of(key) == shard);
        for keys in owed.chunks(DELETES_AT_ONCE) {
            let writes = Writes::new(self);
            let sent = join_all(keys.iter().map(async |key| writes.delete_again(key).await)).await;
            let count = sent.iter().filter(|sent| matches!(sent, Ok(true))).count();
            if count > 0 {
                tracing::info!(count, "deleted sessions again, or late");
            }
            if sent.iter().any(Result::is_err) {
                return;
            }
        }
    }

    /// Recent deletes in a shard may have been undone. They are sent again; on this node the sessions are over in the meantime.
    pub(super) fn owe_recent_deletes(&self, shard: Shard) {
        self.deletes.owe_again(self.clock.now(), |key| self.store.shard_of(key) == shard);
    }
}

const DELETES_AT_ONCE: usize = 64;
