use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use super::deletes::Reason;
use super::lookup::Lookup;
use crate::StoreError;

/// The value of a session in the local cache.
#[derive(Clone)]
pub(super) enum Cached {
    /// There is no such session.
    Absent,
    /// The session has recently ended.
    Ended,
    /// The session has recently moved to another id.
    Moved { since: Instant },
    /// The decoded session. Only the layer that decoded it knows its type.
    Present(Arc<dyn Any + Send + Sync>),
    /// There is a record that cannot be read.
    Unreadable,
}

impl Cached {
    /// A session that this node has deleted, at `since` or later.
    pub(super) const fn deleted(reason: Reason, since: Instant) -> Self {
        match reason {
            Reason::Move(_) => Self::Moved { since },
            Reason::Erase | Reason::End => Self::Ended,
        }
    }

    /// `None` if the session is of another type.
    pub(super) fn into_lookup<V: Any + Send + Sync>(self) -> Option<Lookup<Arc<V>>> {
        match self {
            Self::Absent => Some(Lookup::Absent),
            Self::Ended => Some(Lookup::Ended),
            Self::Moved { .. } => Some(Lookup::Moved),
            Self::Present(value) => value.downcast().ok().map(Lookup::Found),
            Self::Unreadable => Some(Lookup::Unreadable),
        }
    }
}

/// The error of a session that is loaded as one type, and looked up as another.
pub(super) fn type_mismatch<E: From<StoreError>>() -> E {
    StoreError::unavailable("the session was loaded as another type").into()
}
