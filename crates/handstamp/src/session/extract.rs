use std::any::type_name;
use std::sync::Arc;

use http::{Extensions, Response, StatusCode};

use super::load::Use;
use super::{RequestSession, Session, missing_layer};
use crate::{SessionData, SessionError};

impl<T: SessionData> Session<T> {
    /// The session of the request with these extensions, for Tower services that are not Axum handlers.
    ///
    /// # Errors
    ///
    /// When no `SessionLayer<T>` wraps this service, or the store fails.
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn from_extensions(extensions: &Extensions) -> Result<Self, SessionRejection> {
        let request_session = request_session_in::<T>(extensions)?;
        request_session.noted(request_session.load(Use::Counts).await)?;
        Ok(Self::of(request_session))
    }

    /// Ends the session of the request with these extensions, as [`destroy`](Self::destroy) does, without loading it first: for a
    /// logout route. It takes effect when the handler has responded.
    ///
    /// Check the origin of the request first, with [`CsrfLayer`](tower_http::csrf::CsrfLayer) for example: otherwise every site can log visitors
    /// out, and an error of the check must not come after the session has ended. [`SessionRoutes`](crate::SessionRoutes) does this by itself.
    ///
    /// # Errors
    ///
    /// When no `SessionLayer<T>` wraps this service, and [`SessionError::TooManyCookies`].
    pub fn destroy_in(extensions: &Extensions) -> Result<(), SessionRejection> {
        let request_session = request_session_in::<T>(extensions)?;
        Ok(request_session.noted(request_session.end())?)
    }
}

/// A session that was read from the store in this very request, past the local cache: for sensitive actions. A cached copy may be
/// stale by as much as `LOCAL_CACHE_MAX_STALENESS`, or in an [outage](crate::OutagePolicy) by more.
///
/// ```
/// use handstamp::Fresh;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { admin: bool }
/// # impl handstamp::SessionData for UserSession {}
///
/// async fn delete_everything(Fresh(session): Fresh<UserSession>) -> &'static str {
///     if session.get().admin { "done" } else { "no" }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Fresh<T: SessionData>(pub Session<T>);

impl<T: SessionData> Fresh<T> {
    /// [`Session::from_extensions`], past the local cache: the session is read from the store.
    ///
    /// # Errors
    ///
    /// As with [`Session::from_extensions`].
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn from_extensions(extensions: &Extensions) -> Result<Self, SessionRejection> {
        let request_session = request_session_in::<T>(extensions)?;
        request_session.noted(request_session.refresh(Use::Counts).await)?;
        Ok(Self(Session::of(request_session)))
    }
}

/// A session that is read without keeping it alive: for requests that the visitor does not make, such as those of a page that polls. A
/// handler or middleware of the same request that extracts [`Session`] or [`Fresh`] keeps it alive all the same.
///
/// This has to be extracted early: a request that waits longer than a second, or a twentieth of the idle timeout, before any session is
/// extracted counts as a use, since the layer cannot know yet that a `Peek` follows. Middleware that waits, such as for an upload, comes
/// after the extraction.
///
/// Requests that a browser marks as a prefetch (`Sec-Purpose: prefetch`, or `Purpose`, `X-Purpose` or `X-Moz` of older
/// browsers) never keep a session alive.
///
/// ```
/// use handstamp::Peek;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { unread: u32 }
/// # impl handstamp::SessionData for UserSession {}
///
/// async fn unread(Peek(session): Peek<UserSession>) -> String {
///     session.get().unread.to_string()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Peek<T: SessionData>(pub Session<T>);

impl<T: SessionData> Peek<T> {
    /// [`Session::from_extensions`], without keeping the session alive.
    ///
    /// # Errors
    ///
    /// As with [`Session::from_extensions`].
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn from_extensions(extensions: &Extensions) -> Result<Self, SessionRejection> {
        let request_session = request_session_in::<T>(extensions)?;
        request_session.noted(request_session.load(Use::Peek).await)?;
        Ok(Self(Session::of(request_session)))
    }
}

/// A session for a login.
///
/// It differs from [`Session`] where there is a record that this node cannot use, because a newer version of the application has
/// written it, or because it is sealed under a secret that this node does not have. Other requests then get 503, so that the record is not
/// overwritten. A login does not need the record: it gets an empty session, and when a change gives that a
/// [subject](SessionData::subject), the record is deleted. Any other change gets 503, as elsewhere, and the record stays; a logout works.
///
/// Without a subject, a login is rejected like any other change where there is such a record, and where the session has moved or ended.
///
/// ```
/// use handstamp::LogIn;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Default, Deserialize, Serialize)]
/// # struct UserSession { user: Option<String> }
/// # impl handstamp::SessionData for UserSession {
/// #     fn subject(&self) -> Option<&str> { self.user.as_deref() }
/// # }
///
/// async fn log_in(LogIn(session): LogIn<UserSession>) {
///     // ... after the password has been checked:
///     session.renew_for_login();
///     session.update(|session| session.user = Some("7".to_owned()));
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LogIn<T: SessionData>(pub Session<T>);

impl<T: SessionData> LogIn<T> {
    /// [`Session::from_extensions`], with an empty session where there is a record that this node cannot use.
    ///
    /// # Errors
    ///
    /// As with [`Session::from_extensions`].
    ///
    /// # Cancel safety
    ///
    /// Safe: this only reads.
    pub async fn from_extensions(extensions: &Extensions) -> Result<Self, SessionRejection> {
        let request_session = request_session_in::<T>(extensions)?;
        request_session.noted(request_session.load_for_login().await)?;
        Ok(Self(Session::of(request_session)))
    }
}

/// Why an extractor has no session.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionRejection {
    /// No layer covers the route: a `SessionLayer` for the type of this name is missing, or was added before the route. The
    /// response is 500 without a body; the cause is logged.
    #[error(
        "no SessionLayer<{0}> covers this route: a layer covers only routes that were added to the router before it, so \
         call Router::layer after Router::route"
    )]
    MissingLayer(&'static str),
    /// The session could not be loaded.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl SessionRejection {
    /// A response without a body: 500 where the layer is missing, otherwise that of the [error](SessionError::to_response).
    #[must_use]
    pub fn to_response<B: Default>(&self) -> Response<B> {
        match self {
            Self::MissingLayer(_) => {
                let mut response = Response::new(B::default());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
            Self::Session(error) => error.to_response(),
        }
    }
}

fn request_session_in<T: SessionData>(
    extensions: &Extensions,
) -> Result<Arc<RequestSession<T>>, SessionRejection> {
    match extensions.get::<Arc<RequestSession<T>>>() {
        Some(request_session) => Ok(request_session.clone()),
        None => {
            let missing = SessionRejection::MissingLayer(type_name::<T>());
            missing_layer::report(&missing);
            Err(missing)
        }
    }
}
