use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use handstamp_core::cache::{CachedSession, Found};
use handstamp_core::id::SessionKey;
use handstamp_core::record::Revision;

use super::deletes::Reason;
use super::lookup::Lookup;
use crate::StoreError;

/// What the local cache has of a session.
pub(super) type Cached = Found<SharedSession, Absence>;

/// A decoded session, or an [`UnreadableRecord`]. Only the layer that decoded it knows its type.
pub(super) type SharedSession = Arc<dyn AnySession>;

pub(super) trait AnySession: Any + CachedSession + Send + Sync {}

impl<V: Any + CachedSession + Send + Sync> AnySession for V {}

/// Why there is no session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Absence {
    /// There is no such session.
    NoTrace,
    /// It has recently ended.
    Ended,
    /// It has recently moved to another id.
    Moved { since: Instant },
    /// What there is was not written by any node.
    Unreadable,
}

/// An authentic record that cannot be read.
pub(super) struct UnreadableRecord {
    pub(super) key: SessionKey,
    pub(super) revision: Revision,
}

impl Absence {
    /// Of a session that this node has deleted, at `since` or later.
    pub(super) const fn deleted(reason: Reason, since: Instant) -> Self {
        match reason {
            Reason::Move(_) => Self::Moved { since },
            Reason::Erase | Reason::End => Self::Ended,
        }
    }
}

impl CachedSession for UnreadableRecord {
    fn key(&self) -> &SessionKey {
        &self.key
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

impl<V: Any + Send + Sync> Lookup<Arc<V>> {
    /// `None` if the session is of another type.
    pub(super) fn of(cached: Cached) -> Option<Self> {
        Some(match cached {
            Found::Absence(Absence::NoTrace) => Self::Absent,
            Found::Absence(Absence::Ended) => Self::Ended,
            Found::Absence(Absence::Moved { .. }) => Self::Moved,
            Found::Absence(Absence::Unreadable) => Self::Unreadable,
            Found::Session(session) => {
                let session: Arc<dyn Any + Send + Sync> = session;
                match session.downcast() {
                    Ok(session) => Self::Found(session),
                    Err(other) if other.is::<UnreadableRecord>() => Self::Unreadable,
                    Err(_) => return None,
                }
            }
        })
    }
}

/// The error of a session that is loaded as one type, and looked up as another.
pub(super) fn type_mismatch<E: From<StoreError>>() -> E {
    StoreError::unavailable("the session was loaded as another type").into()
}
