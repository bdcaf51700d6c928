mod change;
mod change_lock;
mod commit;
mod discard;
mod extract;
mod find;
mod finish;
mod guard;
mod life;
mod missing_layer;
mod open;
mod progress;
mod queue;
mod renewal;
mod request_session;
mod rewrite;
mod sealed;
mod snapshot;
mod subject;
mod together;
mod uses;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use handstamp_core::id::{PublicId, SessionKey};
use parking_lot::Mutex;

pub use self::discard::DiscardSession;
pub use self::extract::{Fresh, LogIn, Peek, SessionRejection};
use self::find::Use;
pub(crate) use self::finish::{Finish, Outcome};
pub(crate) use self::queue::Queues;
pub(crate) use self::request_session::RequestSession;
pub(crate) use self::snapshot::{MAX_DECODED, Snapshot, Unreadable};
pub(crate) use self::uses::{LastUse, Touch};
use crate::{SessionData, SessionError};

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
    exchange: Arc<RequestSession<T>>,
}

impl<T: SessionData> Session<T> {
    /// Only for an exchange that has been opened.
    pub(crate) fn of(exchange: Arc<RequestSession<T>>) -> Self {
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
    /// `change` may read this session, and sees it as it was before. If it panics, the data is as it was before.
    ///
    /// It is made again only for the [subject](SessionData::subject) that this request has seen; where another request has logged the visitor in or out
    /// in between, or where one change would put another subject in the place of an earlier one, it is not made, and that is [`SessionError::Gone`]. If it changes the subject, that is a login, a logout, or the
    /// beginning of another session: see [`SessionData::subject`].
    ///
    /// `change` is dropped when it has been committed or discarded, or when the request is given up. One that is made after the
    /// response, or after the request was given up, and that owns a clone of this session, has to be committed or discarded: until
    /// then, it keeps itself alive.
    ///
    /// # Panics
    ///
    /// When `change` panics; and when it changes, renews, destroys, discards, commits or refreshes this session itself, because
    /// one of the two changes would be lost, or each would wait for the other.
    pub fn update<R>(&self, change: impl Fn(&mut T) -> R + Send + 'static) -> R {
        self.exchange.update(change)
    }

    /// [`update`](Self::update), and [`commit`](Self::commit) at once: returns what `change` returned when it was made on
    /// what is now in the store. That is final.
    ///
    /// ```
    /// # use handstamp::{Session, SessionError};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Deserialize, Serialize)]
    /// # struct Wallet { coins: u32 }
    /// # impl handstamp::SessionData for Wallet {}
    /// async fn pay(session: Session<Wallet>) -> Result<&'static str, SessionError> {
    ///     let paid = session.update_and_commit(|wallet| match wallet.coins.checked_sub(3) {
    ///         Some(left) => {
    ///             wallet.coins = left;
    ///             true
    ///         }
    ///         None => false,
    ///     });
    ///     Ok(if paid.await? { "paid" } else { "not enough" })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As with [`commit`](Self::commit).
    ///
    /// # Cancel safety
    ///
    /// As with [`commit`](Self::commit).
    pub async fn update_and_commit<R: Send + 'static>(
        &self,
        change: impl Fn(&mut T) -> R + Send + 'static,
    ) -> Result<R, SessionError> {
        let last = Arc::new(Mutex::new(None));
        let returned = last.clone();
        self.exchange.update(move |data| {
            let value = change(data);
            *returned.lock() = Some(value);
        });
        self.exchange.commit().await?;
        last.lock().take().ok_or(SessionError::Aborted)
    }

    /// Does now what this request has wanted of its session so far: changes, renewal, end. When it returns, that is
    /// final, and the session reads as it is in the store.
    ///
    /// For handlers that must know, and for those that go on after their answer has left, such as a WebSocket's: what
    /// they change is kept with this only.
    ///
    /// # Errors
    ///
    /// When it could not be done. The handler then decides what to answer, and what could not be done is forgotten. After
    /// [`SessionError::Store`] it is unknown whether it was done. Once the answer has left, or the request was given up, a
    /// session can be neither created nor renewed: [`SessionError::ResponseAlreadySent`].
    ///
    /// # Cancel safety
    ///
    /// What has begun is finished, whether somebody waits for it or not.
    pub async fn commit(&self) -> Result<(), SessionError> {
        self.exchange.commit().await
    }

    /// Reads the session from the store, past the local cache; changes of this request are made again on what is found.
    /// Do this before sensitive actions, or extract [`Fresh`]. A session that has ended reads as a new one afterwards, and a change of it is
    /// [`SessionError::Gone`], unless it is a login.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked, or holds what this node cannot use. The policy for [outages](crate::OutagePolicy) does not apply. The session reads as
    /// before.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn refresh(&self) -> Result<(), SessionError> {
        self.exchange.refresh(Use::Peek).await
    }

    /// Puts `data` in the place of all that is there, whatever other requests have saved in between.
    pub fn replace(&self, data: T) {
        self.update(move |current| *current = data.clone());
    }

    /// Gives the session a new id, and the browser a new cookie; the old id is of no use from then on.
    ///
    /// Call this whenever the visitor gains or changes rights: a session id that was planted before is then worthless. A change of
    /// the [subject](SessionData::subject) does it by itself.
    pub fn renew(&self) {
        self.exchange.renew();
    }

    /// [`renew`](Self::renew), and the absolute lifetime begins anew: for a login of the user who is logged in already, or where the data
    /// names no [subject](SessionData::subject).
    ///
    /// Without a subject, a login under an id that has moved or ended is refused like any other change: nothing tells it from a late
    /// request, whose cookie would replace that of a newer login.
    pub fn renew_for_login(&self) {
        self.exchange.renew_for_login();
    }

    /// Keeps the session alive, as a request does: gives it its full idle timeout, within its absolute lifetime, and at most
    /// once in a tenth of the idle timeout. A session that is not stored stays so.
    ///
    /// Requests do this when they extract their session, and while their handler works. What goes on after the response has been
    /// sent, such as a WebSocket or a stream, has to call this for as long as the visitor is active.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, [`SessionError::Gone`] when the session has ended, and [`SessionError::Moved`] when it has moved
    /// to another id.
    ///
    /// # Cancel safety
    ///
    /// A touch that has begun is finished, whether somebody waits for it or not.
    pub async fn touch(&self) -> Result<(), SessionError> {
        self.exchange.touch().await
    }

    /// Ends the session on all nodes, also where it has moved to another id meanwhile, and has the browser forget its cookie.
    ///
    /// A session that was there when the request extracted it, and of which nothing is found any more, is [`SessionError::Gone`].
    ///
    /// What is changed after this belongs to a new session under a new id. Once the answer has left, only a
    /// [`commit`](Self::commit) carries this out.
    pub fn destroy(&self) {
        self.exchange.destroy();
    }

    /// Forgets all that this request wanted of the session and has not [committed](Self::commit): changes, renewal, end.
    ///
    /// When a handler panics, changes and renewals are forgotten by themselves; an end takes effect. See
    /// [where the layer belongs](crate::SessionLayer#where-it-belongs) for panics that another layer catches.
    pub fn discard(&self) {
        self.exchange.discard();
    }

    /// Whether there is no session yet, or no longer: none came with the request, and none has been committed.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.exchange.origin(|_| ()).is_none()
    }

    /// The public name of the session, for logs and lists. `None` until it is stored for the first time.
    #[must_use]
    pub fn public_id(&self) -> Option<PublicId> {
        self.exchange.origin(|snapshot| snapshot.envelope.public_id)
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

/// A panic may be made a response of before it reaches the layer.
impl<T: SessionData> Drop for Session<T> {
    fn drop(&mut self) {
        self.exchange.note_panic();
    }
}

/// Shows no data: that may be personal.
impl<T: SessionData> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("public_id", &self.public_id()).finish_non_exhaustive()
    }
}
