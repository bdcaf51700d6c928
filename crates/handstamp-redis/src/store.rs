use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::{Mark, Record, Revision};
use handstamp_store::{
    CreateOutcome, RetireOutcome, SaveOutcome, Shard, Store, StoreError, Stored, TouchOutcome,
};

use crate::primary::Primary;
use crate::scripts::Scripts;
use crate::{Channel, RedisError};

/// Keeps records in Redis. Clones are the same store.
///
/// Made by [`connect`](crate::connect).
#[derive(Clone, Debug)]
pub struct RedisStore {
    primary: Arc<Primary>,
    scripts: Arc<Scripts>,
    namespace: Namespace,
    channel: Bytes,
}

impl RedisStore {
    pub(crate) fn new(primary: Arc<Primary>, namespace: Namespace, channel: &Channel) -> Self {
        Self {
            primary,
            scripts: Arc::new(Scripts::new()),
            namespace,
            channel: channel.as_str().to_owned().into(),
        }
    }

    fn name(&self, key: &SessionKey) -> String {
        format!("{}:s:{key}", self.namespace.as_str())
    }

    /// What came back answers another command.
    fn astray(&self) -> StoreError {
        self.primary.doubt();
        RedisError::Protocol.into()
    }
}

impl Store for RedisStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Stored>, StoreError> {
        match self.primary.read(self.name(key).into()).await? {
            // In the second case it ended in between.
            (None, _) | (Some(_), NO_KEY) => Ok(None),
            (Some(bytes), _) if Mark::is_one(&bytes) => Ok(None),
            (Some(bytes), millis) => Ok(Some(Stored {
                record: Record::decode(bytes, key).inspect_err(|_| self.primary.doubt())?,
                // Without a limit it counts as negative.
                remaining: Duration::from_millis(millis.try_into().unwrap_or(0)),
            })),
        }
    }

    async fn create(&self, record: &Record, ttl: Duration) -> Result<CreateOutcome, StoreError> {
        let arguments = [revision(record.revision), record.encode()?.into(), millis(ttl)];
        let script = &self.scripts.create;
        match script.run(&self.primary, self.name(&record.key), arguments).await? {
            1 => Ok(CreateOutcome::Created),
            0 => Ok(CreateOutcome::Exists),
            _ => Err(self.astray()),
        }
    }

    async fn save(
        &self,
        record: &Record,
        replacing: Revision,
        ttl: Duration,
        notice: Bytes,
    ) -> Result<SaveOutcome, StoreError> {
        let arguments = [
            revision(replacing),
            revision(record.revision),
            record.encode()?.into(),
            millis(ttl),
            self.channel.clone(),
            notice,
        ];
        let script = &self.scripts.save;
        match script.run(&self.primary, self.name(&record.key), arguments).await? {
            1 => Ok(SaveOutcome::Saved),
            0 => Ok(SaveOutcome::Conflict),
            -1 => Ok(SaveOutcome::Gone),
            _ => Err(self.astray()),
        }
    }

    async fn touch(&self, key: &SessionKey, ttl: Duration) -> Result<TouchOutcome, StoreError> {
        let script = &self.scripts.touch;
        match script.run(&self.primary, self.name(key), [millis(ttl)]).await? {
            1 => Ok(TouchOutcome::Touched),
            -1 => Ok(TouchOutcome::Gone),
            _ => Err(self.astray()),
        }
    }

    async fn delete(&self, key: &SessionKey, notice: Bytes) -> Result<bool, StoreError> {
        let arguments = [self.channel.clone(), notice];
        let script = &self.scripts.delete;
        match script.run(&self.primary, self.name(key), arguments).await? {
            1 => Ok(true),
            0 => Ok(false),
            _ => Err(self.astray()),
        }
    }

    async fn retire(
        &self,
        key: &SessionKey,
        expected: Revision,
        mark: Mark,
        ttl: Duration,
        notice: Bytes,
    ) -> Result<RetireOutcome, StoreError> {
        let mark = Bytes::copy_from_slice(&mark.to_bytes());
        let arguments = [revision(expected), mark, millis(ttl), self.channel.clone(), notice];
        let script = &self.scripts.retire;
        match script.run(&self.primary, self.name(key), arguments).await? {
            1 => Ok(RetireOutcome::Retired),
            0 => Ok(RetireOutcome::Conflict),
            -1 => Ok(RetireOutcome::Gone),
            _ => Err(self.astray()),
        }
    }

    async fn unmark(&self, key: &SessionKey, mark: Mark) -> Result<(), StoreError> {
        let mark = Bytes::copy_from_slice(&mark.to_bytes());
        self.scripts.unmark.run(&self.primary, self.name(key), [mark]).await?;
        Ok(())
    }

    async fn check(&self, _shard: Shard) -> Result<(), StoreError> {
        Ok(self.primary.check().await?)
    }

    async fn close(&self) {
        self.primary.close().await;
    }
}

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
