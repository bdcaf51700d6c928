mod commit;
mod exchange;
mod extract;
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use handstamp_core::id::{Handle, SessionKey};

pub(crate) use self::commit::Committed;
pub(crate) use self::exchange::{Exchange, Finish};
pub use self::extract::SessionRejection;
pub(crate) use self::extract::end_session;
pub(crate) use self::snapshot::{MAX_DECODED, Snapshot};
use crate::SessionData;

/// The session of a request, as an extractor.
///
/// ```
/// use handstamp::Session;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct Cart { items: Vec<String> }
/// # impl handstamp::SessionData for Cart {}
///
/// async fn add(session: Session<Cart>) -> String {
///     session.update(|cart| cart.items.push("pen".to_owned()));
///     format!("{} items", session.get().items.len())
/// }
/// ```
///
/// The record is loaded when a handler or a middleware extracts this for the first time in a request; from then
/// on reading is a matter of memory. What is changed is kept when the handler has answered and before the client
/// sees the answer, so a 200 means that it was kept.
///
/// A visitor without a session gets an empty one, which comes into being with the first change: who stores
/// nothing leaves nothing. `Option<Session<T>>` is `None` for such a visitor. Neither is given when the store
/// fails: that is a [`SessionRejection`].
///
/// Clones are the same session of the same request.
pub struct Session<T: SessionData> {
    exchange: Arc<Exchange<T>>,
}

impl<T: SessionData> Session<T> {
    /// Only for an exchange that has been opened.
    pub(crate) fn of(exchange: Arc<Exchange<T>>) -> Self {
        Self { exchange }
    }

    /// The data, with the changes of this request.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        self.exchange.data()
    }

    /// Changes the data, at once for this request, and for all once it is saved.
    ///
    /// When another request has saved the session in between, nothing of either is lost: `change` is applied
    /// again to what that one saved. It may therefore run several times, and must depend on nothing but its
    /// argument and what it captured. The value that it returns is provisional for the same reason: a later
    /// run may return another, which nobody sees.
    ///
    /// `change` must not use this session itself.
    pub fn update<R>(&self, change: impl Fn(&mut T) -> R + Send + 'static) -> R {
        self.exchange.update(change)
    }

    /// Puts `data` in the place of all that is there, whatever other requests have saved in between.
    pub fn set(&self, data: T) {
        self.update(move |current| *current = data.clone());
    }

    /// Gives the session a new id, and the browser a new cookie; the old id is of no use from then on.
    ///
    /// Call this whenever the visitor gains or changes rights, above all at login: a session id that somebody
    /// planted beforehand then leads nowhere.
    pub fn renew(&self) {
        self.exchange.renew();
    }

    /// Ends the session on all nodes, and has the browser forget its cookie.
    ///
    /// What is changed after this belongs to a new session under a new id.
    pub fn destroy(&self) {
        self.exchange.destroy();
    }

    /// Forgets all that this request wanted of the session: changes, renewal, end.
    ///
    /// The same happens by itself when a handler panics.
    pub fn discard(&self) {
        self.exchange.discard();
    }

    /// Whether there was no session when the request came.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.exchange.origin(|_| ()).is_none()
    }

    /// The public name of the session, for logs and lists. `None` until it is stored for the first time.
    #[must_use]
    pub fn handle(&self) -> Option<Handle> {
        self.exchange.origin(|snapshot| snapshot.envelope.handle)
    }

    /// Where the session's record lies. `None` until it is stored for the first time.
    #[must_use]
    pub fn key(&self) -> Option<SessionKey> {
        self.exchange.origin(|snapshot| snapshot.envelope.key)
    }

    /// When the session began. `None` until it is stored for the first time.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.exchange.origin(|snapshot| snapshot.envelope.created_at.into())
    }

    /// When the session was last used before this request, to within a tenth of its idle timeout. `None` until
    /// it is stored for the first time.
    #[must_use]
    pub fn last_seen(&self) -> Option<SystemTime> {
        self.exchange.last_seen().map(Into::into)
    }

    /// When the session ends if nobody uses it any more: with its idle timeout or its absolute lifetime,
    /// whichever is first. `None` until it is stored for the first time.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.exchange.origin(|snapshot| snapshot.ends_at().into())
    }
}

impl<T: SessionData> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self { exchange: self.exchange.clone() }
    }
}

/// A handler that panics drops its session while doing so. Where something between it and the layer makes a
/// response out of the panic, the layer would not notice otherwise, and keep what was half done.
impl<T: SessionData> Drop for Session<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.exchange.discard();
        }
    }
}

/// Shows no data: that may be personal.
impl<T: SessionData> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("handle", &self.handle()).finish_non_exhaustive()
    }
}
