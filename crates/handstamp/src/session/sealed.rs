use std::sync::Arc;
use std::time::Duration;

use handstamp_core::record::{Record, SubjectTooLong};

use super::snapshot::{Envelope, Snapshot};
use crate::data::encode;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// A record to be stored, what the cache is to hold of it, and its time to live.
pub(super) struct Sealed<T> {
    pub(super) record: Record,
    pub(super) snapshot: Arc<Snapshot<T>>,
    pub(super) ttl: Duration,
}

impl<T: SessionData> Sealed<T> {
    /// Puts `data` into a record.
    pub(super) fn new(shared: &Shared<T>, envelope: Envelope, data: Arc<T>) -> Result<Self, SessionError> {
        let (clock, timeouts) = (shared.store().clock(), shared.timeouts());
        let Envelope { revision, key, handle, created_at, expires_at } = envelope;
        let saved_at = clock.timestamp();
        let ttl = timeouts.time_to_live(saved_at, expires_at).ok_or(SessionError::Gone)?;
        let encoding = shared.encoding();
        let payload = encode(encoding, &*data).map_err(|error| SessionError::Unencodable(error.into()))?;
        let limit = shared.max_size();
        if payload.len() > limit {
            return Err(SessionError::TooLarge { size: payload.len(), limit });
        }
        let subject = data.subject().map(str::to_owned);
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
        let snapshot = Arc::new(Snapshot::new(&record, data, ttl, clock, timeouts));
        Ok(Self { record, snapshot, ttl })
    }
}
