use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use handstamp_core::id::{PublicId, SessionKey};
use parking_lot::Mutex;

use super::RequestSession;
use super::load::Use;
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
/// The session is loaded when a handler or a middleware extracts it for the first time in a request; after that, reads come from
/// memory. Changes are saved after the handler has responded and before the response is sent, so a client that gets a 200 knows that they
/// were saved.
///
/// A visitor without a session gets an empty one. It is created with its first change; without a change, there is no record and no cookie.
/// `Option<Session<T>>` is then `None`. If the store fails, both are a [`SessionRejection`](crate::SessionRejection).
///
/// Clones are the same session of the same request.
pub struct Session<T: SessionData> {
    request_session: Arc<RequestSession<T>>,
}

impl<T: SessionData> Session<T> {
    /// The session must have been opened.
    pub(crate) fn of(request_session: Arc<RequestSession<T>>) -> Self {
        Self { request_session }
    }

    /// The data, with the changes of this request.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        self.request_session.data()
    }

    /// Changes the data: for this request at once, for all others when it is saved.
    ///
    /// ```
    /// # use handstamp::Session;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Deserialize, Serialize)]
    /// # struct Cart { items: Vec<String> }
    /// # impl handstamp::SessionData for Cart {}
    /// # fn add(session: Session<Cart>) {
    /// let item = "pen".to_owned();
    /// let count = session.update(move |cart| {
    ///     cart.items.push(item);
    ///     cart.items.len()
    /// });
    /// # }
    /// ```
    ///
    /// When another request has saved the session in the meantime, no update is lost: `change` is replayed on what that request has saved.
    /// It may therefore run several times, on a clone of itself and of the values that it has captured, and must depend on nothing but its
    /// argument and these values. The returned value is provisional for the same reason; that of
    /// [`update_and_commit`](Self::update_and_commit) is final. To keep clones cheap, capture large values in an [`Arc`].
    ///
    /// A captured variable that `change` modifies, such as a counter, starts with its captured value in every run, and its last value is lost.
    /// Each run drops its clone of the captured values at its end, while the change is still in progress: their `Drop` may read this session,
    /// and must not change it.
    ///
    /// `change` may read this session, and sees it as it was before. If it panics, the data is as it was before.
    ///
    /// `change` is replayed only for the [subject](SessionData::subject) that this request has seen. Where another request has logged the
    /// visitor in or out in the meantime, or where one change would replace the subject of an earlier one, the result is
    /// [`SessionError::Gone`]. A change of the subject is a login, a logout, or the beginning of another session: see
    /// [`SessionData::subject`].
    ///
    /// `change` is dropped when it has been committed or discarded, or when the request is cancelled. A change that is made after that, and
    /// that owns a clone of this session, has to be committed or discarded: until then, it keeps itself alive.
    ///
    /// # Panics
    ///
    /// When `change` panics; and when it changes, renews, destroys, discards, commits or refreshes this session itself, because one of the two
    /// changes would be lost, or each would wait for the other.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R + Clone + Send + 'static) -> R {
        self.request_session.update(move |data| change.clone()(data))
    }

    /// [`update`](Self::update) and [`commit`](Self::commit): returns the value that `change` returned when it was applied to what is now in
    /// the store, which is final.
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
        change: impl FnOnce(&mut T) -> R + Clone + Send + 'static,
    ) -> Result<R, SessionError> {
        let last = Arc::new(Mutex::new(None));
        let returned = last.clone();
        self.update(move |data| {
            let value = change(data);
            *returned.lock() = Some(value);
        });
        self.commit().await?;
        self.request_session.noted(last.lock().take().ok_or(SessionError::Aborted))
    }

    /// Saves now what this request has done to its session so far: changes, renewal, end. When it returns, that is final, and the session
    /// reads as it is in the store.
    ///
    /// For handlers that must know the outcome, and for code that goes on after the response has been sent, such as that of a WebSocket: its
    /// changes are saved by this only.
    ///
    /// # Errors
    ///
    /// When it could not be saved. The handler then decides how to respond, and what could not be saved is discarded. After
    /// [`SessionError::Store`] it is unknown whether it was saved. Once the response has been sent, or the request was cancelled, a session can
    /// be neither created nor renewed: [`SessionError::ResponseAlreadySent`].
    ///
    /// A handler that returns the error gets the [error response](crate::SessionLayer::error_response) of the layer.
    ///
    /// # Cancel safety
    ///
    /// A commit that has begun is finished, also when this future is dropped.
    pub async fn commit(&self) -> Result<(), SessionError> {
        self.request_session.noted(self.request_session.commit().await)
    }

    /// Reads the session from the store, past the local cache; changes of this request are replayed on the result. Do this before sensitive
    /// actions, or extract [`Fresh`](crate::Fresh). A session that has ended reads as a new one afterwards, and a change of it is
    /// [`SessionError::Gone`], unless it is a login.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or has a record that this node cannot use. The policy for [outages](crate::OutagePolicy) does not
    /// apply. The session then reads as before.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn refresh(&self) -> Result<(), SessionError> {
        self.request_session.noted(self.request_session.refresh(Use::Peek).await)
    }

    /// Replaces all data by `data`, also what other requests have saved in the meantime.
    pub fn replace(&self, data: T) {
        self.update(move |current| *current = data);
    }

    /// Gives the session a new id, and the browser a new cookie; the old id is no longer valid from then on.
    ///
    /// Call this whenever the visitor gains or changes rights: a session id that was planted before is then worthless. A change of
    /// the [subject](SessionData::subject) does it by itself.
    pub fn renew(&self) {
        self.request_session.renew();
    }

    /// [`renew`](Self::renew), and the absolute lifetime restarts: for a repeated login of the same user, or where the data has
    /// no [subject](SessionData::subject).
    ///
    /// Without a subject, a login under an id that has moved or ended is rejected like any other change: it cannot be told from a late
    /// request, whose cookie would replace that of a newer login.
    pub fn renew_for_login(&self) {
        self.request_session.renew_for_login();
    }

    /// Keeps the session alive, as a request does: gives it its full idle timeout, within its absolute lifetime, and at most once in a tenth of
    /// the idle timeout. Does nothing for a session that is not stored.
    ///
    /// Requests do this when they extract their session, and while their handler runs. Code that goes on after the response has been sent, such
    /// as that of a WebSocket or a stream, has to call this as long as the visitor is active.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, [`SessionError::Gone`] when the session has ended, and [`SessionError::Moved`] when it has moved
    /// to another id.
    ///
    /// # Cancel safety
    ///
    /// A touch that has begun is finished, also when this future is dropped.
    pub async fn touch(&self) -> Result<(), SessionError> {
        self.request_session.noted(self.request_session.touch().await)
    }

    /// Ends the session on all nodes, also where it has moved to another id in the meantime, and removes the cookie from the browser.
    ///
    /// A session that existed when the request extracted it, and of which no trace is found any more, is [`SessionError::Gone`].
    ///
    /// Later changes of this request belong to a new session under a new id. Once the response has been sent, only a
    /// [`commit`](Self::commit) carries this out.
    pub fn destroy(&self) {
        self.request_session.destroy();
    }

    /// Discards everything that this request has done to the session and has not [committed](Self::commit): changes, renewal, end.
    ///
    /// When a handler panics, changes and renewals are discarded automatically; an end takes effect. See
    /// [where the layer belongs](crate::SessionLayer#where-it-belongs) for panics that another layer catches.
    pub fn discard(&self) {
        self.request_session.discard();
    }

    /// Whether there is no stored session: none came with the request, or it has ended, and none has been committed.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.request_session.origin(|_| ()).is_none()
    }

    /// The public id of the session, for logs and lists. `None` until it is stored for the first time.
    #[must_use]
    pub fn public_id(&self) -> Option<PublicId> {
        self.request_session.origin(|snapshot| snapshot.metadata.public_id)
    }

    /// The key of the session's record in the store. `None` until it is stored for the first time.
    #[must_use]
    pub fn key(&self) -> Option<SessionKey> {
        self.request_session.origin(|snapshot| snapshot.metadata.key)
    }

    /// When the session began. `None` until it is stored for the first time.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.request_session.origin(|snapshot| snapshot.metadata.created_at.into())
    }

    /// When the session was last used before this request, to within a tenth of its idle timeout. `None` until
    /// it is stored for the first time.
    #[must_use]
    pub fn last_seen(&self) -> Option<SystemTime> {
        self.request_session.last_seen().map(Into::into)
    }

    /// When the session expires if it is not used any more: with its idle timeout or its absolute lifetime, whichever is first. `None` until
    /// it is stored for the first time.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.request_session.origin(|snapshot| snapshot.ends_at().into())
    }
}

impl<T: SessionData> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self { request_session: self.request_session.clone() }
    }
}

/// Middleware may turn a panic into a response before the layer sees it.
impl<T: SessionData> Drop for Session<T> {
    fn drop(&mut self) {
        self.request_session.note_panic();
    }
}

/// Shows no data, which may be personal.
impl<T: SessionData> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("public_id", &self.public_id()).finish_non_exhaustive()
    }
}
