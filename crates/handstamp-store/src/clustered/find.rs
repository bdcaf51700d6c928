//! A session is found by its public id, which only its record has.

use futures_util::future::try_join_all;
use handstamp_core::id::{PublicId, SessionKey};
use handstamp_core::record::Opened;

use super::clustered_store::ClusteredStore;
use super::node::Node;
use crate::{ScanCursor, Shard, StoreError};

impl ClusteredStore {
    /// Finds the key of the session with this public id, by a [scan](crate::Store::scan) of all shards at the same time: every record is
    /// loaded and verified until one has this public id. The caller sets a time limit.
    ///
    /// A session that moves to another id during the scan may be missed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] if the store cannot scan; otherwise, if a shard cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn find(&self, public_id: &PublicId) -> Result<Option<SessionKey>, StoreError> {
        self.node.check_open()?;
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
                // An entry that this node cannot verify is not known to be the session.
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
