use std::time::Duration;

use handstamp_core::record::{Record, SubjectTooLong};
use handstamp_store::{BoxError, CacheEntry};

use super::guard::guarded;
use super::snapshot::{Envelope, Snapshot};
use crate::data::{decode, encode};
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// A record to be stored, its entry in the local cache, and its time to live.
pub(super) struct Sealed<T> {
    pub(super) record: Record,
    pub(super) entry: CacheEntry<Snapshot<T>>,
    pub(super) ttl: Duration,
}

impl<T: SessionData> Sealed<T> {
    /// Puts `data` into a record.
    ///
    /// The entry holds the data as it is read back from the record's bytes, and so does whatever follows from the data: this
    /// node sees what all others see. Data that cannot be read back is rejected before the store is asked; that depends on
    /// the values, so every save finds out.
    pub(super) fn new(shared: &Shared<T>, envelope: Envelope, data: &T) -> Result<Self, SessionError> {
        let timeouts = shared.timeouts();
        let Envelope { revision, key, handle, created_at, expires_at } = envelope;
        let saved_at = shared.store().timestamp();
        let ttl = shared.time_to_live(saved_at, expires_at).ok_or(SessionError::Gone)?;
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
        let record = Record {
            revision,
            key,
            handle,
            created_at,
            saved_at,
            expires_at,
            subject,
            encoding,
            schema: T::SCHEMA,
            payload: payload.into(),
        };
        let entry = Snapshot::new(&record, data, heap_size, ttl, saved_at, shared.now(), timeouts);
        Ok(Self { record, entry, ttl })
    }
}

/// The encoded data does not decode.
#[derive(Debug, thiserror::Error)]
#[error(
    "what the session's data is encoded to cannot be decoded: an attribute of serde, or a value, does not survive it"
)]
struct Lossy(#[source] BoxError);

fn unencodable(cause: impl Into<BoxError>) -> SessionError {
    SessionError::Unencodable(cause.into().into())
}
