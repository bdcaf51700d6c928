use std::sync::Arc;

use handstamp_core::cookie::Presented;
use http::HeaderValue;

use crate::layer::Shared;
use crate::session::{Outcome, RequestSession, Use};
use crate::{Session, SessionData, SessionError, SessionLayer, Sessions};

impl Sessions {
    /// Creates a session with this data, and returns the value of the header `Cookie` of its visitor's requests.
    ///
    /// The cookie is that of a [`SessionLayer`] with default settings; for other names of the cookie, see
    /// [`SessionLayer::cookie_for`]. Needs the feature `testing`.
    ///
    /// # Errors
    ///
    /// When the session cannot be saved.
    pub async fn cookie_for<T: SessionData>(&self, data: T) -> Result<HeaderValue, SessionError> {
        SessionLayer::<T>::new(self).cookie_for(data).await
    }
}

impl<T: SessionData, E> SessionLayer<T, E> {
    /// Creates a session with this data, and returns the value of the header `Cookie` of its visitor's requests. Needs the feature
    /// `testing`.
    ///
    /// # Errors
    ///
    /// When the session cannot be saved.
    pub async fn cookie_for(&self, data: T) -> Result<HeaderValue, SessionError> {
        cookie_for(self.shared(), data).await
    }
}

pub(super) async fn cookie_for<T: SessionData>(
    shared: &Arc<Shared<T>>,
    data: T,
) -> Result<HeaderValue, SessionError> {
    let request = Arc::new(RequestSession::new(shared.clone(), Presented::Nothing, false, None));
    request.load(Use::Counts).await?;
    Session::of(request.clone()).replace(data);
    let Outcome { marks, result } = request.commit_rest().await;
    result?;
    let set_cookie = marks.cookie.ok_or(SessionError::Aborted)?;
    let pair = set_cookie.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let mut cookie = HeaderValue::from_bytes(pair).map_err(|_| SessionError::Aborted)?;
    cookie.set_sensitive(true);
    Ok(cookie)
}
