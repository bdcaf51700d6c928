use std::sync::Arc;

use handstamp_core::plan::SessionState;
use handstamp_store::Lookup;

use super::super::absence::Absence;
use super::super::snapshot::Snapshot;
use super::{LoadedSession, Origin, Pending, Renew};
use crate::{SessionData, SessionError};

/// What the store has now.
impl<T: SessionData> LoadedSession<T> {
    /// There is a record that this node cannot use: the session of a login can take its place.
    pub(in crate::session) fn cannot_use_record(&mut self, reason: SessionError) {
        self.replace_origin(Origin::Unusable(reason));
        if !self.begins_anew() {
            // The changes are not for another session. Without a login, they are rejected, as a renewal is.
            if self.pending().is_some_and(Pending::has_changes) {
                self.renew(Renew::Id);
            }
            self.replace_data(Arc::default());
            self.drop_changes();
        }
    }

    pub(in crate::session) fn refreshed(&mut self, fresh: Arc<Snapshot<T>>) {
        self.existed = true;
        self.replace_origin(Origin::Found(fresh));
    }

    /// There is no session in the store now.
    pub(in crate::session) fn not_found(&mut self, lookup: &Lookup<Arc<Snapshot<T>>>) {
        let absence = Absence::of(lookup);
        if !self.is_destroyed() && self.cookie.is_some() && self.state() == SessionState::Live {
            self.discard_intents();
            // Without a trace of the session, it ended long ago.
            self.end(if absence == Absence::NoTrace { Absence::Ended } else { absence });
        } else {
            self.origin.not_found(absence, self.is_destroyed());
        }
    }
}
