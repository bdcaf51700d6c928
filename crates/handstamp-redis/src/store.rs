use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::{Entry, RecordError, Revision};
use handstamp_core::time::Timestamp;
use handstamp_store::{
    CreateOutcome, DeleteOutcome, DeleteScope, Records, SaveOutcome, Shard, Shards, Store, StoreError,
    Stored, TombstoneOutcome, TouchOutcome,
};

use crate::driver::{Reply, Request};
use crate::limit::Limit;
use crate::name;
use crate::scripts::{Call, Scripts};
use crate::task::Task;
use crate::topology::Topology;
use crate::write_check::check_writes;
use crate::{Channel, CircuitBreakers, RedisError};

/// Keeps records in Redis. Clones are the same store.
///
/// Made by [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct RedisStore {
    topology: Arc<Topology>,
    scripts: Arc<Scripts>,
    namespace: Namespace,
    channel: Bytes,
    /// The channel that scripts publish on. Empty where the server itself tells of changes.
    told_on: Bytes,
}

impl RedisStore {
    pub(crate) fn new(topology: Arc<Topology>, namespace: Namespace, channel: &Channel) -> Self {
        let channel = Bytes::from(channel.as_str().to_owned());
        let told_on = if topology.tracks() { Bytes::new() } else { channel.clone() };
        Self { topology, scripts: Arc::new(Scripts::new()), namespace, channel, told_on }
    }

    /// The circuits of its servers.
    #[must_use]
    pub fn circuit_breakers(&self) -> CircuitBreakers {
        CircuitBreakers::new(&self.topology)
    }

    fn name(&self, key: &SessionKey) -> Bytes {
        name::of(&self.namespace, key)
    }

    fn publish(&self, invalidation: Bytes) -> Request {
        Request::new("PUBLISH").arg(self.channel.clone()).arg(invalidation)
    }

    /// What was created over the connection that waits for replicas, the server does not know that this node has. Nobody
    /// else knows of it yet.
    async fn track(&self, name: &Bytes) -> Result<(), StoreError> {
        if self.topology.tracks() && self.topology.waits_for_replicas() {
            let read = Request::new("GETRANGE").arg(name.clone()).arg("0").arg("0");
            // Whatever this says, it was created.
            self.topology
                .call(name, &Task::new(read, Limit::Write))
                .await
                .map_err(|_| RedisError::TimedOut)?;
        }
        Ok(())
    }

    /// What came back from where `name` lies answers another command.
    fn astray(&self, name: &Bytes) -> StoreError {
        self.topology.doubt(name);
        RedisError::Protocol.into()
    }

    fn found(&self, key: &SessionKey, name: &Bytes, reply: Reply) -> Result<Option<Stored>, StoreError> {
        let Reply::List(parts) = reply else { return Err(self.astray(name)) };
        match <[Reply; 2]>::try_from(parts) {
            // In the second case it ended in between.
            Ok([Reply::Nil, Reply::Integer(_)] | [Reply::Bytes(_), Reply::Integer(NO_KEY)]) => Ok(None),
            Ok([Reply::Bytes(bytes), Reply::Integer(millis)]) => match Entry::read(*key, bytes) {
                Some(entry) => {
                    // Without a limit it counts as negative.
                    let remaining = u64::try_from(millis).ok().map(Duration::from_millis);
                    Ok(Some(Stored::new(entry, remaining)))
                }
                None => {
                    self.topology.doubt(name);
                    Err(RecordError::Malformed.into())
                }
            },
            _ => Err(self.astray(name)),
        }
    }
}

impl Records for RedisStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let name = self.name(key);
        let task = Task::new(Request::Load(name.clone()), Limit::Read);
        let reply = self.topology.call(&name, &task).await?;
        self.found(key, &name, reply)
    }

    async fn load_from_replica(&self, key: &SessionKey) -> Option<Stored> {
        let name = self.name(key);
        let reply = self.topology.read_from_replica(&name, Request::Load(name.clone())).await?;
        // A tombstone is for the primary to say, like absence.
        self.found(key, &name, reply).ok().flatten().filter(|stored| !stored.entry.is_tombstone())
    }

    fn reads_from_replicas(&self) -> bool {
        self.topology.reads_from_replicas()
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        let arguments =
            [revision(record.revision()), record.bytes().clone(), millis(ttl), self.told_on.clone()];
        let name = self.name(record.key());
        let call = Call::new(&name, arguments).durable();
        let outcome = match self.scripts.create.run(&self.topology, call).await {
            // There is something under the key, but it is no record.
            Err(RedisError::Refused(refusal)) if refusal.is_wrong_type() => 0,
            outcome => outcome?,
        };
        match outcome {
            1 => {
                self.track(&name).await?;
                Ok(CreateOutcome::Created)
            }
            0 => Ok(CreateOutcome::Exists),
            _ => Err(self.astray(&name)),
        }
    }

    async fn save(
        &self,
        record: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        let arguments = [
            revision(replacing),
            revision(record.revision()),
            record.bytes().clone(),
            millis(ttl),
            self.told_on.clone(),
            invalidation.clone(),
        ];
        let name = self.name(record.key());
        let call = Call::new(&name, arguments).with_notice(self.publish(invalidation));
        match self.scripts.save.run(&self.topology, call).await? {
            1 => Ok(SaveOutcome::Saved),
            0 => Ok(SaveOutcome::Conflict),
            -1 => Ok(SaveOutcome::Gone),
            -2 => Ok(SaveOutcome::Moved),
            _ => Err(self.astray(&name)),
        }
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let name = self.name(key);
        let call = Call::new(&name, [millis(ttl), self.told_on.clone()]);
        match self.scripts.touch.run(&self.topology, call).await? {
            1 => Ok(TouchOutcome::Touched),
            -2 => Ok(TouchOutcome::Moved),
            -1 => Ok(TouchOutcome::Gone),
            _ => Err(self.astray(&name)),
        }
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        let waits = Bytes::from_static(if self.topology.waits_for_replicas() { b"1" } else { b"0" });
        let spare = Bytes::from_static(if scope == DeleteScope::WithoutPredecessor { b"1" } else { b"0" });
        let arguments = [
            tombstone.bytes().clone(),
            millis(ttl),
            spare,
            self.told_on.clone(),
            invalidation.clone(),
            waits,
        ];
        let key = *tombstone.key();
        let name = self.name(&key);
        let call = Call::new(&name, arguments).with_notice(self.publish(invalidation)).durable();
        match self.scripts.delete.reply(&self.topology, call).await? {
            Reply::Integer(1) => Ok(DeleteOutcome::Deleted),
            Reply::Integer(0) => Ok(DeleteOutcome::Absent),
            Reply::Integer(-1) => Ok(DeleteOutcome::Gone),
            Reply::Bytes(bytes) => match Entry::read(key, bytes) {
                Some(entry) if entry.is_tombstone() => Ok(DeleteOutcome::Moved(entry)),
                Some(entry) => Ok(DeleteOutcome::OutOfScope(entry)),
                None => Err(self.astray(&name)),
            },
            _ => Err(self.astray(&name)),
        }
    }

    async fn replace_with_tombstone(
        &self,
        tombstone: &Entry,
        replacing: Revision,
        ttl: Duration,
        invalidation: Bytes,
    ) -> Result<TombstoneOutcome, StoreError> {
        let arguments = [
            revision(replacing),
            tombstone.bytes().clone(),
            millis(ttl),
            self.told_on.clone(),
            invalidation.clone(),
        ];
        let name = self.name(tombstone.key());
        let call = Call::new(&name, arguments).with_notice(self.publish(invalidation)).durable();
        match self.scripts.retire.run(&self.topology, call).await? {
            1 => Ok(TombstoneOutcome::Replaced),
            0 => Ok(TombstoneOutcome::Conflict),
            -1 => Ok(TombstoneOutcome::Gone),
            -2 => Ok(TombstoneOutcome::Moved),
            _ => Err(self.astray(&name)),
        }
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        let call = Call::new(&self.name(tombstone.key()), [tombstone.bytes().clone(), millis(ttl)]);
        self.scripts.keep_tombstone.run(&self.topology, call).await?;
        Ok(())
    }

    fn report_forged(&self, key: &SessionKey) {
        self.topology.doubt(&self.name(key));
    }
}

impl handstamp_store::Topology for RedisStore {
    fn shards(&self) -> Shards {
        self.topology.shards()
    }

    fn shard_of(&self, key: &SessionKey) -> Shard {
        self.topology.shard_of(|| self.name(key))
    }

    fn server_of(&self, shard: Shard) -> Option<String> {
        self.topology.name_of(shard)
    }

    async fn ping_primary(&self, shard: Shard) -> Result<(), StoreError> {
        Ok(self.topology.check(shard).await?)
    }

    async fn check_writes(&self, shard: Shard) -> Result<(), StoreError> {
        match check_writes(&self.topology, &self.scripts, &self.namespace, shard, &self.told_on).await {
            // Nobody asked for this write: what counts is that others would not count.
            Err(error @ RedisError::NotReplicated) => Err(StoreError::rejected(error)),
            checked => Ok(checked?),
        }
    }

    async fn time(&self, shard: Shard) -> Result<Option<Timestamp>, StoreError> {
        Ok(Some(self.topology.time(shard).await?))
    }

    async fn close(&self) {
        self.topology.close().await;
    }
}

impl Store for RedisStore {}

fn revision(revision: Revision) -> Bytes {
    Bytes::copy_from_slice(&revision.to_bytes())
}

/// The time to live as the server wants it: whole milliseconds, rounded up, because zero is an error to `SET` and an
/// end to `PEXPIRE`; and not so long that it would not fit into the server's clock.
fn millis(ttl: Duration) -> Bytes {
    let millis = ttl.as_nanos().div_ceil(1_000_000).clamp(1, MAX_TTL_MILLIS);
    millis.to_string().into()
}

/// What `PTTL` answers where there is no key.
const NO_KEY: i64 = -2;
const MAX_TTL_MILLIS: u128 = 100 * 365 * 24 * 60 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_rounded_up() {
        for (ttl, expected) in [
            (Duration::ZERO, "1"),
            (Duration::from_nanos(1), "1"),
            (Duration::from_millis(1), "1"),
            (Duration::from_micros(1_001), "2"),
            (Duration::from_secs(60), "60000"),
            (Duration::MAX, "3153600000000"),
        ] {
            assert_eq!(millis(ttl), expected, "{ttl:?}");
        }
    }
}
