use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use handstamp_core::id::{PublicId, SessionKey};
use handstamp_core::keys::KeyAge;
use handstamp_core::record::Record;
use handstamp_core::time::Timestamp;
use handstamp_core::timeouts::Timeouts;
use handstamp_store::{BoxError, CacheEntry, CachedSession, Decoded, Loaded, Revision};

use super::guard::guarded;
use super::life::Life;
use super::metadata::Metadata;
use crate::SessionError;
use crate::data::{SessionData, StoredPayload, decode};

/// A stored session, decoded. It is in the local cache, and shared by all requests.
#[derive(Debug)]
pub(crate) struct Snapshot<T> {
    pub(crate) metadata: Metadata,
    /// The schema version of the stored data.
    schema: u16,
    /// Whether the record has to be sealed again.
    pub(crate) key_age: KeyAge,
    pub(crate) data: Arc<T>,
    pub(crate) life: Life,
    /// Whether the record of the predecessor is known to be replaced.
    is_predecessor_replaced: AtomicBool,
}

/// A record that no node can read, and why.
#[derive(Debug, thiserror::Error)]
#[error("the record of session {public_id} cannot be read")]
pub(crate) struct Unreadable {
    public_id: PublicId,
    #[source]
    cause: BoxError,
}

impl<T: SessionData> Snapshot<T> {
    /// The session in a record, at the time `now`, which is the instant `at` of the monotonic clock.
    ///
    /// Unless that is a `trusted` time, nothing but the time to live of the record counts, and the session is not cached.
    ///
    /// # Errors
    ///
    /// When the record is valid and its schema is newer than that of this node.
    pub(crate) fn decode(
        loaded: Loaded,
        now: Timestamp,
        trusted: bool,
        at: Instant,
        timeouts: &Timeouts,
        report: impl FnOnce(&Unreadable),
    ) -> Result<Decoded<Self>, SessionError> {
        let Loaded { mut record, key_age, remaining, .. } = loaded;
        // Otherwise its deadline would move with every load.
        let ahead = trusted && Timeouts::begins_ahead(now, record.created_at);
        if ahead {
            record.created_at = now;
        }
        record.expires_at = timeouts.clamped_deadline(record.created_at, record.expires_at);
        let idle = timeouts.idle_left(now, record.saved_at, record.idle_timeout, remaining);
        let left = if trusted { idle.min(record.expires_at.since(now)) } else { idle };
        if left.is_zero() {
            return Ok(Decoded::Expired);
        }
        let decoded = guarded(|| {
            let data = decode_data::<T>(&record)?;
            let heap_size = data.heap_size(record.payload.len());
            Ok((data, heap_size))
        });
        let (data, heap_size) = match decoded {
            Ok(Ok(decoded)) => decoded,
            Ok(Err(_)) | Err(_) if record.schema > T::SCHEMA => return Err(newer_schema::<T>(record.schema)),
            Ok(Err(cause)) => {
                report(&Unreadable { public_id: record.public_id, cause });
                return Ok(Decoded::Unreadable);
            }
            Err(panicked) => {
                report(&Unreadable { public_id: record.public_id, cause: panicked.into() });
                return Ok(Decoded::Unreadable);
            }
        };
        let life = Life::new(idle, record.expires_at, now, at, timeouts);
        let entry = Self::new(&record, key_age, data, heap_size, life);
        if ahead {
            entry.value.life.rewrite_at_once();
        } else if timeouts.outlives_idle(remaining) {
            entry.value.life.touch_at_once();
        }
        Ok(Decoded::Session { entry, left: if trusted { left } else { Duration::ZERO } })
    }

    /// The cache entry for `record`, which contains `data`.
    pub(crate) fn new(
        record: &Record,
        key_age: KeyAge,
        data: T,
        heap_size: usize,
        life: Life,
    ) -> CacheEntry<Self> {
        let snapshot = Self {
            metadata: Metadata::of(record),
            schema: record.schema,
            key_age,
            data: Arc::new(data),
            life,
            is_predecessor_replaced: AtomicBool::new(false),
        };
        CacheEntry::new(snapshot, heap_size.saturating_add(ENTRY_SIZE + size_of::<T>()))
    }

    /// Whether this node may overwrite the record.
    pub(crate) fn check_writable(&self) -> Result<(), SessionError> {
        if self.schema > T::SCHEMA { Err(newer_schema::<T>(self.schema)) } else { Ok(()) }
    }

    /// The metadata of the save after this one, which is made `now`.
    pub(crate) fn next_metadata(&self, now: Timestamp) -> Metadata {
        let (revision, predecessor) = (self.metadata.revision.next(now), self.predecessor().map(Box::new));
        Metadata { revision, predecessor, ..self.metadata.clone() }
    }

    /// The key that the session had before, unless the record there is known to be replaced.
    pub(crate) fn predecessor(&self) -> Option<SessionKey> {
        self.metadata
            .predecessor
            .as_deref()
            .copied()
            .filter(|_| !self.is_predecessor_replaced.load(Ordering::Relaxed))
    }

    /// The record of the predecessor is replaced: the next save need not name it.
    pub(crate) fn predecessor_replaced(&self) {
        self.is_predecessor_replaced.store(true, Ordering::Relaxed);
    }

    /// When the session was last used.
    pub(crate) fn last_seen(&self, now: Timestamp, timeouts: &Timeouts) -> Timestamp {
        timeouts.last_seen(now, self.metadata.created_at, self.life.idle_until().since(now))
    }

    /// When the session ends if it is not used any more.
    pub(crate) fn ends_at(&self) -> Timestamp {
        self.life.idle_until().min(self.metadata.expires_at)
    }

    /// How long the session lives at most, however much it is used.
    pub(crate) fn time_left(&self, now: Timestamp) -> Duration {
        self.metadata.expires_at.since(now)
    }
}

impl<T> CachedSession for Snapshot<T> {
    fn key(&self) -> &SessionKey {
        &self.metadata.key
    }

    fn revision(&self) -> Revision {
        self.metadata.revision
    }
}

fn decode_data<T: SessionData>(record: &Record) -> Result<T, BoxError> {
    if record.payload.len() > MAX_DECODED {
        return Err("it is larger than any session".into());
    }
    if record.schema < T::SCHEMA {
        T::migrate(StoredPayload::new(record.schema, record.encoding, &record.payload))
    } else {
        decode(record.encoding, &record.payload)
    }
}

const fn newer_schema<T: SessionData>(stored: u16) -> SessionError {
    SessionError::NewerSchema { stored, known: T::SCHEMA }
}

/// The memory of a session in the local cache without its data, in bytes: see `cargo bench --bench memory`.
const ENTRY_SIZE: usize = 400;

/// More than any node writes: see `Config::session_max_size`. A larger record was not written by this library.
pub(crate) const MAX_DECODED: usize = 1 << 20;
