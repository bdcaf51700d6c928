use std::time::Duration;

use handstamp_core::id::SessionKey;
use handstamp_core::record::{Revision, Tombstone};

use crate::StoreError;

/// A new tombstone of a session that has moved to `successor`, or has ended.
pub(super) fn tombstone(key: SessionKey, successor: Option<SessionKey>) -> Result<Tombstone, StoreError> {
    let revision = Revision::first().map_err(StoreError::unavailable)?;
    Ok(Tombstone { key, revision, successor, same_subject: false })
}

/// How long ago a tombstone was written, by its time to live. Zero for a tombstone that was written to live longer, because its
/// writer does not know yet that it is there.
pub(super) fn age(remaining: Option<Duration>) -> Duration {
    remaining.and_then(|left| TOMBSTONE_TTL.checked_sub(left)).unwrap_or_default()
}

/// How long late requests find the tombstone of a session.
pub(super) const TOMBSTONE_TTL: Duration = Duration::from_secs(30);
