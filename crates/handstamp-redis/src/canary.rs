use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_redis_client::{Client, Command, RedisError, Reply, ShardId};
use parking_lot::Mutex;

use crate::auxiliary_key;

/// A key that is gone once the server has lost all its keys (`FLUSHALL`).
///
/// With tracking, a server announces a flush in a form that the driver either drops or takes for a protocol error. So a canary
/// is left on each server, and every fence looks for it: when it has changed, everything may be gone.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    client: Client,
    namespace: Namespace,
    shard: ShardId,
    last: Arc<Mutex<Last>>,
}

/// The state of the canary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CanaryState {
    /// It is the same as at the last look, or this is the first one.
    Same,
    /// The server may have lost all its keys since.
    Changed,
    /// The server is busy with a script.
    Unknown,
}

/// The result of the last look.
#[derive(Debug, Default)]
struct Last {
    looked: bool,
    /// `None` where no canary could be left, because the server accepts no writes.
    canary: Option<Bytes>,
    /// The number in the key, which puts it into the shard.
    number: u32,
}

impl Canary {
    pub(crate) fn new(client: &Client, namespace: &Namespace, shard: ShardId) -> Self {
        Self { client: client.clone(), namespace: namespace.clone(), shard, last: Arc::default() }
    }

    /// Compares the canary with that of the last look.
    pub(crate) async fn look(&self) -> Result<CanaryState, RedisError> {
        let (number, key) = self.key()?;
        match self.find_or_leave(&key).await {
            Ok(found) => {
                let mut last = self.last.lock();
                // Without a canary, nothing is known.
                let same = found.is_some() && (!last.looked || last.canary == found);
                (last.looked, last.canary) = (true, found);
                Ok(if same { CanaryState::Same } else { CanaryState::Changed })
            }
            // It moves elsewhere with its slot, and another one takes its place.
            Err(RedisError::ErrorReply(reply)) if reply.is_redirection() => {
                *self.last.lock() = Last { number: number + 1, ..Last::default() };
                Ok(CanaryState::Changed)
            }
            Err(RedisError::ErrorReply(reply)) if reply.is_busy_script() => Ok(CanaryState::Unknown),
            Err(error) => Err(error),
        }
    }

    async fn find_or_leave(&self, key: &Bytes) -> Result<Option<Bytes>, RedisError> {
        match self.find(key).await? {
            None => self.leave(key).await,
            found => Ok(found),
        }
    }

    async fn find(&self, key: &Bytes) -> Result<Option<Bytes>, RedisError> {
        match self.call(&Command::read("GET").arg(key.clone())).await? {
            Reply::Bytes(found) => Ok(Some(found)),
            Reply::Nil => Ok(None),
            _ => Err(RedisError::UnexpectedReply),
        }
    }

    /// Leaves a canary, unless another node does so first.
    async fn leave(&self, key: &Bytes) -> Result<Option<Bytes>, RedisError> {
        let random = getrandom::u64().map_err(|_| RedisError::UnexpectedReply)?;
        let lifetime = LIFETIME.as_millis().to_string();
        let canary = format!("canary:{random:016x}");
        let set = Command::write("SET").arg(key.clone()).arg(canary).arg("PX").arg(lifetime).arg("NX");
        match self.call(&set).await {
            Err(RedisError::ErrorReply(reply)) if reply.is_disk_error() => Ok(None),
            replied => {
                replied?;
                self.find(key).await?.map(Some).ok_or(RedisError::UnexpectedReply)
            }
        }
    }

    /// For as long as the server takes, as for the fence that this is a part of: a slow server is no reason to clear the
    /// cache.
    async fn call(&self, command: &Command) -> Result<Reply, RedisError> {
        self.client.call_without_timeout(self.shard, command).await
    }

    /// A key in the shard: nearly always, the same as at the last look.
    fn key(&self) -> Result<(u32, Bytes), RedisError> {
        let mut last = self.last.lock();
        let (number, key) =
            auxiliary_key::find(&self.client, &self.namespace, CANARY, self.shard, last.number)?;
        last.number = number;
        Ok((number, key))
    }
}

const CANARY: &str = "canary";
/// Each time that it expires, the cache is cleared once unnecessarily.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
