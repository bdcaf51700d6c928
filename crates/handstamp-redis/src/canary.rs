use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_store::{Proof, Shard};
use parking_lot::Mutex;

use crate::RedisError;
use crate::driver::{Reply, Request};
use crate::name;
use crate::primary::Task;
use crate::topology::Topology;

/// A key that dies when somebody empties the server.
///
/// The server tells those whom it tells of changes that all keys are gone, but the client library drops that. So a key is
/// left there, and looked for with every fence: when it is not the same any more, everything may be gone.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    topology: Arc<Topology>,
    namespace: Namespace,
    shard: Shard,
    seen: Arc<Mutex<Option<Bytes>>>,
}

impl Canary {
    pub(crate) fn new(topology: &Arc<Topology>, namespace: &Namespace, shard: Shard) -> Self {
        Self { topology: topology.clone(), namespace: namespace.clone(), shard, seen: Arc::default() }
    }

    /// Whether it is as it was the last time. The first time it is.
    pub(crate) async fn look(&self) -> Result<Proof, RedisError> {
        let alive = match self.find().await? {
            Some(alive) => alive,
            None => self.leave().await?,
        };
        let before = self.seen.lock().replace(alive.clone());
        let same = before.is_none_or(|before| before == alive);
        Ok(if same { Proof::Complete } else { Proof::Shrunk })
    }

    async fn find(&self) -> Result<Option<Bytes>, RedisError> {
        match self.ask(Request::new("GET").arg(self.name()?)).await? {
            Reply::Bytes(found) => Ok(Some(found)),
            Reply::Nil => Ok(None),
            Reply::Integer(_) | Reply::List(_) => Err(RedisError::Protocol),
        }
    }

    /// Leaves one, unless another node does: what counts is what is there in the end.
    async fn leave(&self) -> Result<Bytes, RedisError> {
        let random = getrandom::u64().map_err(|_| RedisError::Protocol)?;
        let lifetime = LIFETIME.as_millis().to_string();
        let canary = format!("canary:{random:016x}");
        let set = Request::new("SET").arg(self.name()?).arg(canary).arg("PX").arg(lifetime).arg("NX");
        self.ask(set).await?;
        self.find().await?.ok_or(RedisError::Protocol)
    }

    async fn ask(&self, request: Request) -> Result<Reply, RedisError> {
        self.topology.call_shard(self.shard, &Task::new(request)).await
    }

    /// One that lies in the shard.
    fn name(&self) -> Result<Bytes, RedisError> {
        let mut names = (0..MOST_TRIED).map(|number| name::beside(&self.namespace, "canary", number));
        names.find(|name| self.topology.shard_of(name) == self.shard).ok_or(RedisError::Protocol)
    }
}

/// As everything, it goes away when nobody needs it. Once in so long the cache is emptied for nothing.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Even a primary with a single slot is found like this, nearly always.
const MOST_TRIED: u32 = 200_000;
