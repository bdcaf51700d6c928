//! Shards of the store are the primaries of the client, under the same numbers.

use handstamp_redis_client::ShardId;
use handstamp_store::Shard;

pub(crate) const fn shard(id: ShardId) -> Shard {
    Shard::new(id.number())
}

pub(crate) const fn shard_id(shard: Shard) -> ShardId {
    ShardId::new(shard.number())
}
