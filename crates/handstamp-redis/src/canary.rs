use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::Namespace;
use handstamp_store::{FenceOutcome, Shard};
use parking_lot::Mutex;

use crate::driver::{Reply, Request};
use crate::topology::Topology;
use crate::{RedisError, beside, name};

/// A key that dies when somebody empties the server.
///
/// The server tells those whom it tells of changes that all keys are gone, but the client library either drops that, or,
/// as some servers say it in the wrong protocol, takes offence and ends the subscription. So a key is left there, and
/// looked for with every fence: when it is not the same any more, everything may be gone.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    topology: Arc<Topology>,
    namespace: Namespace,
    shard: Shard,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    looked: bool,
    /// What was found the last time: nothing where none could be left, because the server takes no writes.
    canary: Option<Bytes>,
    /// That in its name, by which it lies where it does.
    number: u32,
}

impl Canary {
    pub(crate) fn new(topology: &Arc<Topology>, namespace: &Namespace, shard: Shard) -> Self {
        Self { topology: topology.clone(), namespace: namespace.clone(), shard, seen: Arc::default() }
    }

    /// Whether it is as it was the last time. The first time it is.
    pub(crate) async fn look(&self) -> Result<FenceOutcome, RedisError> {
        let number = self.number()?;
        match self.alive(number).await {
            Ok(alive) => {
                let mut seen = self.seen.lock();
                // Without one, nothing is known.
                let same = alive.is_some() && (!seen.looked || seen.canary == alive);
                (seen.looked, seen.canary) = (true, alive);
                Ok(if same { FenceOutcome::Complete } else { FenceOutcome::OwnershipLost })
            }
            // It moves elsewhere with its slot, and another takes its place.
            Err(RedisError::Refused(refusal)) if refusal.redirection().is_some() => {
                *self.seen.lock() = Seen { number: number + 1, ..Seen::default() };
                Ok(FenceOutcome::OwnershipLost)
            }
            Err(RedisError::Refused(refusal)) if refusal.is_about_a_script() => Ok(FenceOutcome::Pending),
            Err(error) => Err(error),
        }
    }

    async fn alive(&self, number: u32) -> Result<Option<Bytes>, RedisError> {
        match self.find(number).await? {
            None => self.leave(number).await,
            alive => Ok(alive),
        }
    }

    async fn find(&self, number: u32) -> Result<Option<Bytes>, RedisError> {
        match self.ask(Request::new("GET").arg(self.name(number))).await? {
            Reply::Bytes(found) => Ok(Some(found)),
            Reply::Nil => Ok(None),
            Reply::Integer(_) | Reply::List(_) => Err(RedisError::Protocol),
        }
    }

    /// Leaves one, unless another node does: what counts is what is there in the end.
    async fn leave(&self, number: u32) -> Result<Option<Bytes>, RedisError> {
        let random = getrandom::u64().map_err(|_| RedisError::Protocol)?;
        let lifetime = LIFETIME.as_millis().to_string();
        let canary = format!("canary:{random:016x}");
        let set = Request::new("SET").arg(self.name(number)).arg(canary).arg("PX").arg(lifetime).arg("NX");
        match self.ask(set).await {
            Err(RedisError::Refused(refusal)) if refusal.is_about_the_disk() => Ok(None),
            answered => {
                answered?;
                self.find(number).await?.map(Some).ok_or(RedisError::Protocol)
            }
        }
    }

    /// Past the limit of commands in flight and the breaker, and for as long as the server takes, as the fence that this
    /// is a part of: a server under load is no reason to forget what was cached.
    async fn ask(&self, request: Request) -> Result<Reply, RedisError> {
        self.topology.call_patiently(self.shard, request).await
    }

    /// The number of one that lies in the shard: as a rule, the same as the last time.
    fn number(&self) -> Result<u32, RedisError> {
        let mut seen = self.seen.lock();
        (seen.number, _) = beside::find(&self.topology, &self.namespace, CANARY, self.shard, seen.number)?;
        Ok(seen.number)
    }

    fn name(&self, number: u32) -> Bytes {
        name::beside(&self.namespace, CANARY, number)
    }
}

const CANARY: &str = "canary";
/// As everything, it goes away when nobody needs it. Once in so long the cache is emptied for nothing.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
