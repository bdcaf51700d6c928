use std::sync::Arc;

use handstamp_core::plan::SessionState;
use handstamp_store::Lookup;

use super::super::absence::Absence;
use super::super::snapshot::Snapshot;
use crate::{SessionData, SessionError};

/// The session under the id in the cookie of a request.
pub(in crate::session) enum Origin<T> {
    Found(Arc<Snapshot<T>>),
    Missing(Absence),
    /// There is a record, and this node can neither use nor overwrite it.
    Unusable(SessionError),
    /// It cannot be found out in this outage. The visitor is treated as one without a session.
    Unknown(SessionError),
}

impl<T: SessionData> Origin<T> {
    pub(in crate::session) fn of(found: Lookup<Arc<Snapshot<T>>>) -> Self {
        match found {
            Lookup::Found(session) => Self::Found(session),
            missing => Self::Missing(Absence::of(&missing)),
        }
    }

    pub(super) fn session(&self) -> Option<&Arc<Snapshot<T>>> {
        if let Self::Found(session) = self { Some(session) } else { None }
    }

    pub(super) fn data(&self) -> Arc<T> {
        self.session().map_or_else(Arc::default, |session| session.data.clone())
    }

    pub(super) fn state(&self) -> SessionState {
        match self {
            Self::Found(_) | Self::Unusable(_) => SessionState::Live,
            Self::Missing(Absence::Ended) => SessionState::Ended,
            Self::Missing(Absence::Moved) => SessionState::Moved,
            Self::Missing(Absence::NoTrace) | Self::Unknown(_) => SessionState::Absent,
        }
    }

    /// There is no session in the store. Destroying it, if it `is_destroyed`, finds it wherever it is.
    pub(super) fn not_found(&mut self, absence: Absence, is_destroyed: bool) {
        match self {
            Self::Unknown(_) if is_destroyed => *self = Self::Missing(Absence::NoTrace),
            Self::Unknown(_) => *self = Self::Missing(absence),
            Self::Missing(earlier) if !is_destroyed && absence != Absence::NoTrace => *earlier = absence,
            Self::Missing(_) | Self::Found(_) | Self::Unusable(_) => {}
        }
    }
}
