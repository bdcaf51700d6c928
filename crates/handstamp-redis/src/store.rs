use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use handstamp_core::id::{Namespace, SessionKey};
use handstamp_core::record::{Record, Revision};
use handstamp_store::{CreateOutcome, DeleteOutcome, SaveOutcome, Store, StoreError, Stored, TouchOutcome};

use crate::driver::{Reply, Request};
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
        let expire = Request::new("PEXPIRE").arg(self.name(key)).arg(millis(ttl));
        match self.primary.call(expire).await? {
            Reply::Integer(1) => Ok(TouchOutcome::Touched),
            Reply::Integer(0) => Ok(TouchOutcome::Gone),
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

    async fn delete_revision(
        &self,
        key: &SessionKey,
        expected: Revision,
        notice: Bytes,
    ) -> Result<DeleteOutcome, StoreError> {
        let arguments = [revision(expected), self.channel.clone(), notice];
        let script = &self.scripts.delete_revision;
        match script.run(&self.primary, self.name(key), arguments).await? {
            1 => Ok(DeleteOutcome::Deleted),
            0 => Ok(DeleteOutcome::Conflict),
            -1 => Ok(DeleteOutcome::Gone),
            _ => Err(self.astray()),
        }
    }

    /// Asks for the server's role: one that was demoted goes on answering.
    async fn check(&self) -> Result<(), StoreError> {
        match self.primary.call(Request::new("ROLE")).await? {
            Reply::List(role) if role.first() == Some(&Reply::Bytes(PRIMARY)) => Ok(()),
            Reply::List(_) => Err(RedisError::NotPrimary.into()),
            _ => Err(self.astray()),
        }
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
const PRIMARY: Bytes = Bytes::from_static(b"master");
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
