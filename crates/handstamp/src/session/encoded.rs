use std::time::{Duration, Instant};

use bytes::Bytes;
use handstamp_core::id::SessionId;
use handstamp_core::keys::KeyAge;
use handstamp_core::record::{Record, SubjectTooLong};
use handstamp_store::{BoxError, CacheEntry};

use super::guard::guarded;
use super::life::Life;
use super::metadata::Metadata;
use super::snapshot::Snapshot;
use crate::data::{decode, encode};
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// Data as it will be stored, and as it reads back.
pub(super) struct EncodedData<T> {
    payload: Bytes,
    data: T,
    subject: Option<String>,
    heap_size: usize,
}

/// A record to be stored, its entry in the local cache, and its time to live.
pub(super) struct EncodedRecord<T> {
    pub(super) record: Record,
    pub(super) entry: CacheEntry<Snapshot<T>>,
    pub(super) ttl: Duration,
}

impl<T: SessionData> EncodedData<T> {
    /// Encodes `data`, and reads it back.
    ///
    /// The cache entry contains the data that was read back, and so does everything derived from it, such as the subject: this node sees what
    /// all others see. Data that cannot be read back is rejected before anything is stored; that depends on the values, so every save checks
    /// it.
    pub(super) fn new(shared: &Shared<T>, data: &T) -> Result<Self, SessionError> {
        let encoding = shared.encoding();
        let payload = guarded(|| encode(encoding, data))?.map_err(unencodable)?;
        let limit = shared.max_size();
        if payload.len() > limit {
            return Err(SessionError::TooLarge { size: payload.len(), limit });
        }
        let data: T = guarded(|| decode(encoding, &payload))?.map_err(|error| unencodable(Lossy(error)))?;
        let (subject, heap_size) =
            guarded(|| (data.subject().map(str::to_owned), data.heap_size(payload.len())))?;
        if subject.as_ref().is_some_and(|subject| subject.len() > Record::MAX_SUBJECT_LEN) {
            return Err(SessionError::Store(SubjectTooLong.into()));
        }
        Ok(Self { payload: payload.into(), data, subject, heap_size })
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// A new id for a session with this data, in the same slot as the other sessions of its subject.
    pub(super) fn new_id(&self, shared: &Shared<T>) -> Result<SessionId, SessionError> {
        let label = self.subject().map(|subject| shared.labels().of(subject));
        Ok(SessionId::generate(label)?)
    }

    /// The record with this data and this metadata, which is saved `now`.
    pub(super) fn into_record(
        self,
        shared: &Shared<T>,
        metadata: &Metadata,
        now: Instant,
    ) -> Result<EncodedRecord<T>, SessionError> {
        let Self { payload, data, subject, heap_size } = self;
        let timeouts = shared.timeouts();
        let Metadata { revision, key, public_id, created_at, expires_at, seals, .. } = *metadata;
        let saved_at = shared.store().timestamp_at(now);
        let ttl = shared.time_to_live(saved_at, expires_at).ok_or(SessionError::Gone)?;
        let record = Record {
            revision,
            key,
            public_id,
            predecessor: metadata.predecessor.as_deref().copied(),
            created_at,
            saved_at,
            expires_at,
            idle_timeout: timeouts.idle,
            unknown_fields: metadata.unknown_fields(subject.as_deref()),
            subject,
            encoding: shared.encoding(),
            schema: T::SCHEMA,
            payload,
            seals,
        };
        let life = Life::new(ttl, expires_at, saved_at, now, timeouts);
        let entry = Snapshot::new(&record, KeyAge::Current, data, heap_size, life);
        Ok(EncodedRecord { record, entry, ttl })
    }
}

impl<T: SessionData> EncodedRecord<T> {
    /// The record with `data` that replaces `base`.
    pub(super) fn replacing(base: &Snapshot<T>, shared: &Shared<T>, data: &T) -> Result<Self, SessionError> {
        let encoded = EncodedData::new(shared, data)?;
        let now = shared.now();
        encoded.into_record(shared, &base.next_metadata(shared.store().timestamp_at(now)), now)
    }
}

/// The encoded data does not decode.
#[derive(Debug, thiserror::Error)]
#[error(
    "the encoded session data cannot be decoded again: a serde attribute or a value does not survive the round trip"
)]
struct Lossy(#[source] BoxError);

fn unencodable(cause: impl Into<BoxError>) -> SessionError {
    SessionError::Unencodable(cause.into().into())
}
