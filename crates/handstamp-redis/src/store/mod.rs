//! [`RedisStore`]: records here, its servers in `topology`, scans in `scan`.

mod scan;
mod topology;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::{Entry, RecordError, Revision};
use handstamp_redis_client::{Client, Command, RedisError, Reply};
use handstamp_store::{
    CreateOutcome, DeleteOutcome, DeleteScope, Records, SaveOutcome, StoreError, Stored, TombstoneOutcome,
    TouchOutcome,
};

use crate::error::store_error;
use crate::key::record_key;
use crate::scripts::Scripts;
use crate::{Channel, CircuitBreakers};

/// Keeps records in Redis. Clones are the same store.
///
/// Made by [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct RedisStore {
    client: Client,
    scripts: Arc<Scripts>,
    namespace: Namespace,
    channel: Bytes,
    /// The channel that scripts publish on. Empty with tracking, where the server itself announces changes.
    notify_channel: Bytes,
}

impl RedisStore {
    pub(crate) fn new(client: Client, namespace: Namespace, channel: &Channel) -> Self {
        let channel = Bytes::from(channel.as_str().to_owned());
        let notify_channel = if client.config().tracking { Bytes::new() } else { channel.clone() };
        Self { client, scripts: Arc::new(Scripts::new()), namespace, channel, notify_channel }
    }

    /// The circuit breakers of its servers.
    #[must_use]
    pub fn circuit_breakers(&self) -> CircuitBreakers {
        self.client.circuit_breakers()
    }

    fn redis_key(&self, key: &SessionKey) -> Bytes {
        record_key(&self.namespace, key).into()
    }

    fn waits_for_replicas(&self) -> bool {
        self.client.config().wait_replicas > 0
    }

    async fn call(&self, redis_key: &Bytes, command: &Command) -> Result<Reply, StoreError> {
        self.client.call(redis_key, command).await.map_err(store_error)
    }

    /// With tracking, a server tracks reads for the connection for commands, but durable writes have another connection. So a
    /// created record is read once, before any other node knows of it.
    async fn track(&self, redis_key: &Bytes) -> Result<(), StoreError> {
        if self.client.config().tracking && self.waits_for_replicas() {
            let read = Command::write("GETRANGE").arg(redis_key.clone()).arg("0").arg("0");
            // If this fails, the record was created nevertheless.
            self.call(redis_key, &read).await.map_err(|_| StoreError::TimedOut)?;
        }
        Ok(())
    }

    fn unexpected_reply(&self, redis_key: &Bytes) -> StoreError {
        self.client.report_unexpected_reply(redis_key);
        store_error(RedisError::UnexpectedReply)
    }

    fn parse_stored(
        &self,
        key: &SessionKey,
        redis_key: &Bytes,
        reply: Reply,
    ) -> Result<Option<Stored>, StoreError> {
        let Reply::List(parts) = reply else { return Err(self.unexpected_reply(redis_key)) };
        match <[Reply; 2]>::try_from(parts) {
            // The second case: it expired between the two commands.
            Ok([Reply::Nil, Reply::Integer(_)] | [Reply::Bytes(_), Reply::Integer(NO_KEY)]) => Ok(None),
            Ok([Reply::Bytes(bytes), Reply::Integer(millis)]) => match Entry::read(*key, bytes) {
                Some(entry) => {
                    // Negative without a time to live.
                    let remaining = u64::try_from(millis).ok().map(Duration::from_millis);
                    Ok(Some(Stored::new(entry, remaining)))
                }
                None => {
                    self.client.report_unexpected_reply(redis_key);
                    Err(RecordError::Malformed.into())
                }
            },
            _ => Err(self.unexpected_reply(redis_key)),
        }
    }
}

impl Records for RedisStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        let redis_key = self.redis_key(key);
        let reply = self.call(&redis_key, &Command::get_with_ttl(redis_key.clone())).await?;
        self.parse_stored(key, &redis_key, reply)
    }

    async fn load_from_replica(&self, key: &SessionKey) -> Option<Stored> {
        let redis_key = self.redis_key(key);
        let command = Command::get_with_ttl(redis_key.clone());
        let reply = self.client.read_from_replica(&redis_key, &command).await?;
        // Tombstones and absences are only trusted from the primary.
        self.parse_stored(key, &redis_key, reply).ok().flatten().filter(|stored| !stored.entry.is_tombstone())
    }

    fn reads_from_replicas(&self) -> bool {
        self.client.config().reads_from_replicas()
    }

    async fn create(&self, record: &Entry, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        let arguments =
            [revision_in(record), record.bytes().clone(), millis(ttl), self.notify_channel.clone()];
        let redis_key = self.redis_key(record.key());
        let command = Command::script(&self.scripts.create, &redis_key, arguments).durable();
        match self.client.call(&redis_key, &command).await {
            Ok(Reply::Integer(1)) => {
                self.track(&redis_key).await?;
                Ok(CreateOutcome::Created)
            }
            Ok(Reply::Integer(0)) => Ok(CreateOutcome::Exists),
            // The key holds a value of another type.
            Err(RedisError::ErrorReply(reply)) if reply.is_wrong_type() => Ok(CreateOutcome::Exists),
            Ok(_) => Err(self.unexpected_reply(&redis_key)),
            Err(error) => Err(store_error(error)),
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
            revision_in(record),
            record.bytes().clone(),
            millis(ttl),
            self.notify_channel.clone(),
            invalidation.clone(),
        ];
        let redis_key = self.redis_key(record.key());
        let save = Command::script(&self.scripts.save, &redis_key, arguments);
        match self.call(&redis_key, &save.publishing(self.channel.clone(), invalidation)).await? {
            Reply::Integer(1) => Ok(SaveOutcome::Saved),
            Reply::Integer(0) => Ok(SaveOutcome::Conflict),
            Reply::Integer(-1) => Ok(SaveOutcome::Gone),
            Reply::Integer(-2) => Ok(SaveOutcome::Moved),
            _ => Err(self.unexpected_reply(&redis_key)),
        }
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let redis_key = self.redis_key(key);
        let arguments = [millis(ttl), self.notify_channel.clone()];
        match self.call(&redis_key, &Command::script(&self.scripts.touch, &redis_key, arguments)).await? {
            Reply::Integer(1) => Ok(TouchOutcome::Touched),
            Reply::Integer(-1) => Ok(TouchOutcome::Gone),
            Reply::Integer(-2) => Ok(TouchOutcome::Moved),
            _ => Err(self.unexpected_reply(&redis_key)),
        }
    }

    async fn delete(
        &self,
        tombstone: &Entry,
        ttl: Duration,
        scope: DeleteScope,
        invalidation: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        let waits = Bytes::from_static(if self.waits_for_replicas() { b"1" } else { b"0" });
        let spare = Bytes::from_static(if scope == DeleteScope::WithoutPredecessor { b"1" } else { b"0" });
        let arguments = [
            tombstone.bytes().clone(),
            millis(ttl),
            spare,
            self.notify_channel.clone(),
            invalidation.clone(),
            waits,
        ];
        let key = *tombstone.key();
        let redis_key = self.redis_key(&key);
        let delete = Command::script(&self.scripts.delete, &redis_key, arguments).durable();
        match self.call(&redis_key, &delete.publishing(self.channel.clone(), invalidation)).await? {
            Reply::Integer(1) => Ok(DeleteOutcome::Deleted),
            Reply::Integer(0) => Ok(DeleteOutcome::Absent),
            Reply::Integer(-1) => Ok(DeleteOutcome::Gone),
            Reply::Bytes(bytes) => match Entry::read(key, bytes) {
                Some(entry) if entry.is_tombstone() => Ok(DeleteOutcome::Moved(entry)),
                Some(entry) => Ok(DeleteOutcome::OutOfScope(entry)),
                None => Err(self.unexpected_reply(&redis_key)),
            },
            _ => Err(self.unexpected_reply(&redis_key)),
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
            self.notify_channel.clone(),
            invalidation.clone(),
        ];
        let redis_key = self.redis_key(tombstone.key());
        let replace = Command::script(&self.scripts.replace_with_tombstone, &redis_key, arguments).durable();
        match self.call(&redis_key, &replace.publishing(self.channel.clone(), invalidation)).await? {
            Reply::Integer(1) => Ok(TombstoneOutcome::Replaced),
            Reply::Integer(0) => Ok(TombstoneOutcome::Conflict),
            Reply::Integer(-1) => Ok(TombstoneOutcome::Gone),
            Reply::Integer(-2) => Ok(TombstoneOutcome::Moved),
            _ => Err(self.unexpected_reply(&redis_key)),
        }
    }

    async fn keep_tombstone(&self, tombstone: &Entry, ttl: Duration) -> Result<(), StoreError> {
        let redis_key = self.redis_key(tombstone.key());
        let arguments = [tombstone.bytes().clone(), millis(ttl)];
        match self
            .call(&redis_key, &Command::script(&self.scripts.keep_tombstone, &redis_key, arguments))
            .await?
        {
            Reply::Integer(_) => Ok(()),
            _ => Err(self.unexpected_reply(&redis_key)),
        }
    }

    fn report_forged(&self, key: &SessionKey) {
        self.client.report_unexpected_reply(&self.redis_key(key));
    }
}

fn revision(revision: Revision) -> Bytes {
    Bytes::copy_from_slice(&revision.to_bytes())
}

/// The revision of an entry, as a part of its bytes.
fn revision_in(entry: &Entry) -> Bytes {
    entry.bytes().slice(Entry::REVISION_RANGE)
}

/// The time to live in whole milliseconds, rounded up, because zero is an error in `SET` and deletes in `PEXPIRE`; and short
/// enough for the server's clock.
fn millis(ttl: Duration) -> Bytes {
    let millis = ttl.as_nanos().div_ceil(1_000_000).clamp(1, MAX_TTL_MILLIS);
    millis.to_string().into()
}

/// The reply to `PTTL` without the key.
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
