//! Auxiliary keys: they lie beside the records, under the same permissions, and in a shard of one's choice.

use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_store::Shard;

use crate::RedisError;
use crate::name;
use crate::topology::Topology;

/// The first number, from `first` on, with which `what` lies in the shard; and the name of that key.
pub(crate) fn find(
    topology: &Topology,
    namespace: &Namespace,
    what: &str,
    shard: Shard,
    first: u32,
) -> Result<(u32, Bytes), RedisError> {
    let keys = (first..first.saturating_add(MOST_TRIED))
        .map(|number| (number, name::beside(namespace, what, number)));
    // Without slots it is no primary of the cluster any more.
    keys.into_iter()
        .find(|(_, name)| topology.shard_of(|| name.clone()) == shard)
        .ok_or(RedisError::NotPrimary)
}

/// Even in a primary with a single slot one is found like this, nearly always.
const MOST_TRIED: u32 = 200_000;
