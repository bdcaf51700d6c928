use futures_util::future::try_join_all;

use super::ClusteredStore;
use super::node::Node;
use crate::id::{PublicId, SessionKey};
use crate::record::Opened;
use crate::{ScanCursor, Shard, StoreError};

impl ClusteredStore {
    /// Finds the key of the session with this public id, by a [scan](crate::Store::scan) of all shards at the same time.
    ///
    /// A session that moves to another id during the scan may be missed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] if the store cannot scan, and when a shard cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn find(&self, public_id: &PublicId) -> Result<Option<SessionKey>, StoreError> {
        let shards = self.node.store.shards().current();
        if shards.is_empty() {
            return Err(StoreError::unavailable("no shard of the store is known"));
        }
        let searches = shards.into_iter().map(|shard| self.node.find_in(shard, public_id));
        Ok(try_join_all(searches).await?.into_iter().flatten().next())
    }
}

impl Node {
    async fn find_in(&self, shard: Shard, public_id: &PublicId) -> Result<Option<SessionKey>, StoreError> {
        let mut cursor = ScanCursor::START;
        loop {
            let page = self.store.scan(shard, &cursor).await?;
            for stored in &page.entries {
                // An entry that is not authentic belongs to no session.
                if let Ok(Opened::Record(record, _)) = self.sealer.open(&stored.entry)
                    && record.public_id == *public_id
                {
                    return Ok(Some(record.key));
                }
            }
            match page.next {
                Some(next) => cursor = next,
                None => return Ok(None),
            }
        }
    }
}
