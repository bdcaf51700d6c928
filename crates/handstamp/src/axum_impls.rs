//! The traits of axum: the session as an extractor, its errors as responses.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::{Fresh, LogIn, Peek, Session, SessionData, SessionError, SessionRejection};

impl<T: SessionData, S: Sync> FromRequestParts<S> for Session<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionRejection> {
        Self::from_extensions(&parts.extensions).await
    }
}

impl<T: SessionData, S: Sync> OptionalFromRequestParts<S> for Session<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, SessionRejection> {
        let session = Self::from_extensions(&parts.extensions).await?;
        Ok((!session.is_new()).then_some(session))
    }
}

impl<T: SessionData, S: Sync> FromRequestParts<S> for Fresh<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionRejection> {
        Self::from_extensions(&parts.extensions).await
    }
}

impl<T: SessionData, S: Sync> FromRequestParts<S> for Peek<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionRejection> {
        Self::from_extensions(&parts.extensions).await
    }
}

impl<T: SessionData, S: Sync> FromRequestParts<S> for LogIn<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionRejection> {
        Self::from_extensions(&parts.extensions).await
    }
}

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        self.to_response()
    }
}

/// For handlers that return an error of [`commit`](Session::commit).
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        self.to_response()
    }
}
