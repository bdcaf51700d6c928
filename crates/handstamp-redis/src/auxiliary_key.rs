use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_redis_client::{Client, RedisError, ShardId};

use crate::key::auxiliary_key;

/// The first number, from `first` on, that puts the auxiliary key of this name into the shard; and that key.
pub(crate) fn find(
    client: &Client,
    namespace: &Namespace,
    name: &str,
    shard: ShardId,
    first: u32,
) -> Result<(u32, Bytes), RedisError> {
    (first..first.saturating_add(MAX_ATTEMPTS))
        .map(|number| (number, auxiliary_key(namespace, name, number)))
        .find(|(_, key)| client.shard_of(|| key.clone()) == shard)
        // Without slots it is no longer a primary of the cluster.
        .ok_or(RedisError::NotPrimary)
}

/// Enough to find a key for a primary with a single slot, nearly always.
const MAX_ATTEMPTS: u32 = 200_000;
