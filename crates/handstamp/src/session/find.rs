use std::sync::Arc;

use handstamp_core::id::SessionKey;
use handstamp_store::Lookup;

use super::Exchange;
use super::exchange::State;
use super::snapshot::Snapshot;
use crate::{Outage, SessionData, SessionError};

/// How the session of a request is found: in the cache, in the store, or as the policy for outages has it.
impl<T: SessionData> Exchange<T> {
    /// Finds the session, unless that has been done.
    pub(crate) async fn open(&self) -> Result<(), SessionError> {
        match self.open_without_store() {
            Some(opened) => opened,
            // Boxed, or every handler's future would be as large as a conversation with the store.
            None => Box::pin(self.open_from_store()).await,
        }
    }

    /// `None` when only the store can tell.
    fn open_without_store(&self) -> Option<Result<(), SessionError>> {
        let mut state = self.state.lock();
        match &*state {
            State::Unopened => {}
            State::Failed(error) => return Some(Err(error.clone())),
            State::Open(_) => return Some(Ok(())),
        }
        let store = self.shared.store();
        let now = store.clock().now();
        let origin = match self.presented_key() {
            Some(key) => store.lookup(&key, now)?.into(),
            None => None,
        };
        *state = State::Open(self.opened(origin, now));
        Some(Ok(()))
    }

    #[cold]
    async fn open_from_store(&self) -> Result<(), SessionError> {
        let now = self.shared.store().clock().now();
        let loaded = self.load_or_make_do().await;
        let mut state = self.state.lock();
        // Two tasks may have loaded at the same time: the first one's session is the one that is in use.
        if let State::Unopened = *state {
            *state = match loaded {
                Ok(Found::Known(lookup)) => State::Open(self.opened(lookup.into(), now)),
                Ok(Found::Unknown(outage)) => {
                    let mut open = self.opened(None, now);
                    open.outage = Some(outage);
                    State::Open(open)
                }
                Err(error) => State::Failed(error),
            };
        }
        match &*state {
            State::Failed(error) => Err(error.clone()),
            State::Open(_) | State::Unopened => Ok(()),
        }
    }

    /// Reads the session from the store, whatever was known of it, and makes this request's changes again on what is
    /// found.
    pub(crate) async fn refresh(&self) -> Result<(), SessionError> {
        let _turn = self.turn.lock().await;
        let key = match &*self.state.lock() {
            State::Open(open) => open.cookie.as_ref().map(|cookie| self.key_of(cookie)),
            State::Unopened | State::Failed(_) => self.presented_key(),
        };
        let now = self.shared.store().clock().now();
        let found = match key {
            Some(key) => readable(self.shared.load_fresh(&key).await, &key)?,
            None => Lookup::Absent,
        };
        let mut state = self.state.lock();
        match &mut *state {
            State::Open(open) => match found {
                Lookup::Found(fresh) => open.refresh(fresh),
                Lookup::Absent if open.origin.is_some() => open.vanish(self.shared.cookie().removal()),
                Lookup::Absent => open.outage = None,
            },
            State::Unopened | State::Failed(_) => *state = State::Open(self.opened(found.into(), now)),
        }
        Ok(())
    }

    /// What the store knows, or what the policy for outages says.
    async fn load_or_make_do(&self) -> Result<Found<T>, SessionError> {
        let Some(key) = self.presented_key() else { return Ok(Found::Known(Lookup::Absent)) };
        let shared = &self.shared;
        // While the store is known to be away, asking it first would only take time.
        if !shared.store().healthy_for(&key)
            && let Some(outdated) = shared.lookup_outdated(&key)
        {
            return Ok(Found::Known(outdated));
        }
        match readable(shared.load(&key).await, &key) {
            Err(error) if error.is_outage() => match (shared.outage(), shared.lookup_outdated(&key)) {
                (_, Some(outdated)) => Ok(Found::Known(outdated)),
                (Outage::Anonymous, None) => Ok(Found::Unknown(error)),
                (Outage::Serve(_) | Outage::Refuse, None) => Err(error),
            },
            loaded => loaded.map(Found::Known),
        }
    }
}

/// What a load found.
enum Found<T> {
    Known(Lookup<Arc<Snapshot<T>>>),
    /// Nobody knows, because of this outage, and the visitor is to be treated as one without a session.
    Unknown(SessionError),
}

/// What was found, if anybody can make sense of it.
fn readable<T>(
    loaded: Result<Lookup<Arc<Snapshot<T>>>, SessionError>,
    key: &SessionKey,
) -> Result<Lookup<Arc<Snapshot<T>>>, SessionError> {
    match loaded {
        // Nobody can make sense of it any more. The visitor is not locked out, and what is stored is left as it
        // is: a new session gets a new id. The cause may quote what is stored, so it is not shown.
        Err(error) if error.is_undecodable() => {
            tracing::error!(%error, %key, "the visitor is treated as new");
            Ok(Lookup::Absent)
        }
        loaded => loaded,
    }
}
