use std::sync::Arc;

use handstamp_core::cookie::Presented;
use handstamp_store::Lookup;

use super::RequestSession;
use super::guard::guarded;
use super::load::Use;
use super::loaded::Origin;
use super::request_session::State;
use super::snapshot::Snapshot;
use crate::{SessionData, SessionError};

impl<T: SessionData> RequestSession<T> {
    /// Reads the session from the store, past the local cache. If it has changed, makes the pending changes again on what is found.
    pub(crate) async fn refresh(&self, purpose: Use) -> Result<(), SessionError> {
        self.forbid_inside_of_change();
        let _turn = self.commit_lock.lock().await;
        if let Presented::Ambiguous(_) = self.presented {
            // Which of the cookies counts has to be known first.
            Box::pin(self.load(Use::Peek)).await?;
        }
        let (cookie, is_unusable) = self.with_state(|state| match (state, &self.presented) {
            (State::Loaded(session), _) => (session.cookie.clone(), session.unusable().is_some()),
            (State::NotLoaded | State::Failed(_), Presented::Valid(cookie)) => (Some(cookie.clone()), false),
            (State::NotLoaded | State::Failed(_), _) => (None, false),
        });
        let found = match cookie {
            Some(cookie) => self.shared.load_fresh(&self.key_of(&cookie)).await?,
            None => Lookup::Absent,
        };
        if let Lookup::Found(fresh) = &found
            && is_unusable
        {
            fresh.check_writable()?;
        }
        let has_changed = self.with_state(|state| match (state, &found) {
            // The changes need not be made again, which may not be possible any more.
            (State::Loaded(session), Lookup::Found(fresh)) if session.is_at(fresh) => {
                session.refreshed(fresh.clone());
                false
            }
            (State::Loaded(_), _) => true,
            (state, _) => {
                *state = State::Loaded(self.loaded(Origin::of(found.clone())));
                false
            }
        });
        if has_changed {
            let same_subject = self.has_subject_of(&found)?;
            self.rebase(|session| {
                if !same_subject {
                    // They were made for another subject.
                    session.lose_changes(SessionError::Gone);
                }
                match found {
                    Lookup::Found(fresh) => session.refreshed(fresh),
                    not_found => session.not_found(&not_found),
                }
            });
        }
        self.with_loaded(|session| session.counts_as_use |= purpose == Use::Counts);
        drop(self.keep_alive());
        Ok(())
    }

    /// Whether this session has the subject that the handler has seen, before its changes.
    fn has_subject_of(&self, found: &Lookup<Arc<Snapshot<T>>>) -> Result<bool, SessionError> {
        let Lookup::Found(fresh) = found else { return Ok(true) };
        let seen = self.with_loaded(|session| (!session.begins_anew()).then(|| session.base()));
        let Some(seen) = seen else { return Ok(true) };
        guarded(|| seen.subject() == fresh.data.subject())
    }
}
