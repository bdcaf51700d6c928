use std::sync::Arc;
use std::time::Duration;

use handstamp_store::{BoxError, Lookup, WriteScope};

use super::super::snapshot::Snapshot;
use crate::layer::Shared;
use crate::{SessionData, SessionError};

/// The session as it is in the store now, for another attempt.
pub(in crate::session) async fn reload<T: SessionData>(
    shared: &Arc<Shared<T>>,
    writes: WriteScope<'_>,
    base: &Snapshot<T>,
    attempt: u32,
) -> Result<Arc<Snapshot<T>>, SessionError> {
    if attempt > 0 {
        tokio::time::sleep(pause_before(attempt)).await;
    }
    if writes.deadline_passed() {
        return Err(SessionError::Conflict);
    }
    present(writes.with_deadline(shared.load_fresh(&base.metadata.key)).await??)
}

/// The session that was found, or why there is none.
pub(in crate::session) fn present<T>(
    found: Lookup<Arc<Snapshot<T>>>,
) -> Result<Arc<Snapshot<T>>, SessionError> {
    match found {
        Lookup::Found(fresh) => Ok(fresh),
        Lookup::Absent | Lookup::Ended => Err(SessionError::Gone),
        Lookup::Moved => Err(SessionError::Moved),
        Lookup::Unreadable => {
            Err(SessionError::Undecodable(BoxError::from("it has become unreadable").into()))
        }
    }
}

/// A random time, longer with every attempt, so that nodes that have conflicted do not conflict again.
fn pause_before(attempt: u32) -> Duration {
    let longest_micros = 250 << attempt.min(6);
    Duration::from_micros(u64::from(getrandom::u32().unwrap_or_default() % longest_micros))
}
