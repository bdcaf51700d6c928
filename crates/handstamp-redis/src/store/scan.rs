use bytes::Bytes;
use futures_util::future::try_join_all;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_redis_client::{Client, Command, RedisError, Reply, ShardId};
use handstamp_store::{Records, ScanCursor, ScanPage, Shard, Store, StoreError};

use super::RedisStore;
use crate::error::store_error;
use crate::key::session_key;
use crate::shard::shard_id;

impl Store for RedisStore {
    /// With [tracking](crate::RedisConfig::tracking), the server then tracks every session for this node, until it changes or expires. This
    /// costs memory on the server, and a message for each.
    async fn scan(&self, shard: Shard, cursor: &ScanCursor) -> Result<ScanPage, StoreError> {
        let scanned = scan_keys(&self.client, &self.namespace, shard_id(shard), cursor).await;
        let (keys, next) = scanned.map_err(store_error)?;
        let loads = keys.iter().map(async |key| match self.load(key).await {
            // One value that is no record must not end the scan.
            Err(StoreError::Record(_)) => Ok(None),
            loaded => loaded,
        });
        Ok(ScanPage::new(try_join_all(loads).await?.into_iter().flatten().collect(), next))
    }
}

/// One `SCAN` command, and the keys of the sessions that it returns.
async fn scan_keys(
    client: &Client,
    namespace: &Namespace,
    shard: ShardId,
    cursor: &ScanCursor,
) -> Result<(Vec<SessionKey>, Option<ScanCursor>), RedisError> {
    let position = if *cursor == ScanCursor::START { END } else { cursor.as_bytes().clone() };
    // A namespace has no character with a meaning in patterns.
    let pattern = format!("{}:s:{{*", namespace.as_str());
    let scan = Command::read("SCAN").arg(position).arg("MATCH").arg(pattern).arg("COUNT").arg(BUCKETS);
    let Reply::List(parts) = client.call_shard(shard, &scan).await? else {
        return Err(RedisError::UnexpectedReply);
    };
    let Ok([Reply::Bytes(next), Reply::List(keys)]) = <[Reply; 2]>::try_from(parts) else {
        return Err(RedisError::UnexpectedReply);
    };
    let key = |reply| match reply {
        Reply::Bytes(redis_key) => session_key(namespace, &redis_key),
        _ => None,
    };
    let next = (next != END).then(|| ScanCursor::new(next));
    Ok((keys.into_iter().filter_map(key).collect(), next))
}

/// The cursor of the server at the beginning and at the end.
const END: Bytes = Bytes::from_static(b"0");
/// The keys that one command looks at: few enough that other commands hardly wait.
const BUCKETS: &str = "100";
