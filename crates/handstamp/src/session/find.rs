use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use handstamp_core::cookie::{Presented, VerifiedCookie};
use handstamp_store::Lookup;

use super::RequestSession;
use super::guard::guarded;
use super::open::Open;
use super::request_session::State;
use super::snapshot::Snapshot;
use crate::{OutagePolicy, SessionData, SessionError};

/// Whether a session is found in order to be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    /// It is, which keeps it alive.
    Counts,
    /// It is only looked at.
    Peek,
}

/// The session whose life is to be extended.
type ToTouch<T> = Option<Arc<Snapshot<T>>>;

/// How the session of a request is found: in the cache, in the store, or as the policy for outages has it.
impl<T: SessionData> RequestSession<T> {
    /// Finds the session, unless that has been done.
    pub(crate) async fn open(&self, purpose: Use) -> Result<(), SessionError> {
        let claimed = match self.open_without_store(purpose) {
            Some(opened) => opened?,
            // Boxed, or every handler's future would be as large as a conversation with the store.
            None => Box::pin(self.open_from_store(purpose)).await?,
        };
        if let Some(session) = claimed {
            drop(self.shared.spawn_touch(session));
        }
        Ok(())
    }

    /// Finds the session; begins with an empty one where there is a record that this node cannot use, or may not overwrite.
    pub(crate) async fn open_for_login(&self) -> Result<(), SessionError> {
        let opened = self.open(Use::Counts).await;
        let act = |state: &mut State<T>| match state {
            State::Failed(error) if error.is_of_another_node() => {
                let mut open = self.opened(Lookup::Absent);
                open.cannot_use_record(error.clone());
                *state = State::Open(open);
                Ok(())
            }
            State::Open(open) => {
                if let Some(why) = open.origin.as_ref().and_then(|origin| origin.check_writable().err()) {
                    open.cannot_use_record(why);
                }
                Ok(())
            }
            State::Unopened | State::Failed(_) => opened,
        };
        self.change(|| self.with_state(act))
    }

    /// `None` when only the store can tell.
    fn open_without_store(&self, purpose: Use) -> Option<Result<ToTouch<T>, SessionError>> {
        self.with_state(|state| {
            let now = self.shared.now();
            match state {
                State::Unopened => {}
                State::Failed(error) => return Some(Err(error.clone())),
                State::Open(open) => return Some(Ok(self.claim_touch_for(purpose, open, now))),
            }
            let found = match &self.presented {
                Presented::Valid(cookie) => self.shared.store().lookup(&self.key_of(cookie), now)?,
                Presented::Ambiguous(_) => return None,
                Presented::Truncated => return Some(Err(SessionError::TooManyCookies)),
                Presented::Nothing | Presented::Invalid(_) => Lookup::Absent,
            };
            let mut open = self.opened(found);
            let claimed = self.claim_touch_for(purpose, &mut open, now);
            *state = State::Open(open);
            Some(Ok(claimed))
        })
    }

    fn claim_touch_for(&self, purpose: Use, open: &mut Open<T>, now: Instant) -> ToTouch<T> {
        open.counts |= purpose == Use::Counts;
        if purpose == Use::Counts { self.claim_touch(open, now) } else { None }
    }

    #[cold]
    async fn open_from_store(&self, purpose: Use) -> Result<ToTouch<T>, SessionError> {
        let found = match &self.presented {
            Presented::Valid(cookie) => self.load_or_make_do(cookie).await.map(|found| match found {
                Found::Known(found) => self.opened(found),
                Found::Unknown(outage) => self.opened(Lookup::Absent).in_outage(outage),
            }),
            Presented::Ambiguous(cookies) => self.disambiguate(cookies).await,
            Presented::Truncated => Err(SessionError::TooManyCookies),
            Presented::Nothing | Presented::Invalid(_) => Ok(self.opened(Lookup::Absent)),
        };
        let mut found = Some(found);
        self.with_state(|state| {
            // Two tasks may have loaded at the same time: the first one's session is the one that is in use.
            if let State::Unopened = state
                && let Some(found) = found.take()
            {
                *state = match found {
                    Ok(open) => State::Open(open),
                    Err(error) => State::Failed(error),
                };
            }
            match state {
                State::Failed(error) => Err(error.clone()),
                State::Open(open) => Ok(self.claim_touch_for(purpose, open, self.shared.now())),
                State::Unopened => Ok(None),
            }
        })
    }

    /// Of several valid cookies, the one whose session is alive counts, if there is one such. Whose request it is cannot be
    /// said of two.
    async fn disambiguate(&self, cookies: &[VerifiedCookie]) -> Result<Open<T>, SessionError> {
        let now = self.shared.now();
        let find = async |cookie| match self.shared.store().lookup(&self.key_of(cookie), now) {
            Some(lookup) => Ok(Found::Known(lookup)),
            None => self.load_or_make_do(cookie).await,
        };
        let found = join_all(cookies.iter().map(find)).await;
        let mut alive = Vec::new();
        let mut dead = Lookup::Absent;
        for (cookie, found) in cookies.iter().zip(found) {
            match found? {
                Found::Known(Lookup::Found(session)) => alive.push((cookie, session)),
                Found::Known(Lookup::Absent | Lookup::Unreadable) => {}
                Found::Known(late @ (Lookup::Ended | Lookup::Moved)) => dead = late,
                Found::Unknown(outage) => return Ok(self.opened(Lookup::Absent).in_outage(outage)),
            }
        }
        let mut alive = alive.into_iter();
        Ok(match (alive.next(), alive.next()) {
            (Some((cookie, session)), None) => {
                let others = cookies.iter().filter(|other| other.id != cookie.id).cloned().collect();
                Open::new(Some(cookie.clone()), others, Lookup::Found(session))
            }
            (None, _) => self.opened(dead),
            (Some(_), Some(_)) => self.opened(Lookup::Absent),
        })
    }

    /// Reads the session from the store, past the local cache. If it has changed, makes this request's changes again on what is
    /// found.
    pub(crate) async fn refresh(&self, purpose: Use) -> Result<(), SessionError> {
        self.refuse_inside_of_change();
        let _turn = self.turn.lock().await;
        if let Presented::Ambiguous(_) = self.presented {
            // Which of the cookies counts has to be known first.
            Box::pin(self.open(Use::Peek)).await?;
        }
        let (cookie, is_unusable) = self.with_state(|state| match (state, &self.presented) {
            (State::Open(open), _) => (open.cookie.clone(), open.has_unusable_record()),
            (State::Unopened | State::Failed(_), Presented::Valid(cookie)) => (Some(cookie.clone()), false),
            (State::Unopened | State::Failed(_), _) => (None, false),
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
            (State::Open(open), Lookup::Found(fresh)) if open.is_at(fresh) => {
                open.refresh(fresh.clone());
                false
            }
            (State::Open(_), _) => true,
            (state, _) => {
                *state = State::Open(self.opened(found.clone()));
                false
            }
        });
        if has_changed {
            let same_subject = self.has_subject_of(&found)?;
            self.rebase(|open| {
                if !same_subject {
                    // They were made for another subject.
                    open.lose_changes(SessionError::Gone);
                }
                match found {
                    Lookup::Found(fresh) => open.refresh(fresh),
                    not_found => open.not_found(&not_found),
                }
            });
        }
        self.with_open(|open| open.counts |= purpose == Use::Counts);
        drop(self.keep_alive());
        Ok(())
    }

    /// Whether this session has the subject that the handler has seen, before its changes.
    fn has_subject_of(&self, found: &Lookup<Arc<Snapshot<T>>>) -> Result<bool, SessionError> {
        let Lookup::Found(fresh) = found else { return Ok(true) };
        let Some(seen) = self.with_open(|open| (!open.begins_anew()).then(|| open.base())) else {
            return Ok(true);
        };
        guarded(|| seen.subject() == fresh.data.subject())
    }

    /// What the store knows, or what the policy for outages says.
    async fn load_or_make_do(&self, cookie: &VerifiedCookie) -> Result<Found<T>, SessionError> {
        let (shared, key) = (&self.shared, self.key_of(cookie));
        // While the store is known to be away, asking it first would only take time.
        if !shared.store().is_reachable_for(&key)
            && let Some(outdated) = shared.lookup_stale(&key)
        {
            return Ok(Found::Known(outdated));
        }
        match shared.load_for_request(&key).await {
            Err(error) if error.is_outage() => match (shared.outage(), shared.lookup_stale(&key)) {
                (_, Some(outdated)) => Ok(Found::Known(outdated)),
                (OutagePolicy::Anonymous, None) => Ok(Found::Unknown(error)),
                (OutagePolicy::ServeStale(_) | OutagePolicy::Fail, None) => Err(error),
            },
            loaded => loaded.map(Found::Known),
        }
    }
}

/// What a load found.
enum Found<T> {
    /// A record that cannot be read counts as none: the visitor is not locked out, and it is left as it is, since a new
    /// session gets a new id.
    Known(Lookup<Arc<Snapshot<T>>>),
    /// Whether there is a session is not known, because of this outage, and the visitor is treated as one without.
    Unknown(SessionError),
}
