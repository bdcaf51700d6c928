use handstamp_core::id::SessionKey;
use handstamp_core::time::Timestamp;
use handstamp_redis_client::RedisError;
use handstamp_store::{Shard, Shards, StoreError, Topology};

use super::RedisStore;
use crate::error::store_error;
use crate::shard::{shard, shard_id};
use crate::write_check::check_writes;

impl Topology for RedisStore {
    fn shards(&self) -> Shards {
        Shards::numbered(self.client.watch_shards())
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        // The label is the hash tag, and in the same slot by itself.
        shard(self.client.shard_of(|| key.label().to_string().into()))
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        self.client.server_name(shard_id(shard))
    }

    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        self.client.ping(shard_id(shard)).await.map_err(store_error)
    }

    async fn check_writes(&self, shard: Shard) -> Result<(), StoreError> {
        let (client, channel) = (&self.client, &self.notify_channel);
        match check_writes(client, &self.scripts, &self.namespace, shard_id(shard), channel).await {
            // Writes are useless until enough replicas are there, so the check fails as a rejected write would.
            Err(error @ RedisError::NotReplicated) => Err(StoreError::rejected(error)),
            checked => checked.map_err(store_error),
        }
    }

    async fn time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        let time = self.client.time(shard_id(shard)).await.map_err(store_error)?;
        let millis = u64::try_from(time.as_millis()).map_err(|_| store_error(RedisError::UnexpectedReply))?;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    async fn close(&self) {
        self.client.close().await;
    }
}
