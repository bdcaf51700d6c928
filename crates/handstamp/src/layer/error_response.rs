use http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, RETRY_AFTER, SET_COOKIE, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, Response, StatusCode};

use super::respond::{SessionCookies, forbid_caching};
use crate::SessionError;

/// Makes the response for a [`SessionError`]: an error page, or JSON.
///
/// Every `Fn(&SessionError) -> Response<B> + Clone` is one. It is given to
/// [`SessionLayer::error_response`](crate::SessionLayer::error_response), which says when it is called and what is added to its
/// response.
///
/// It should not panic: the panic would take the place of the response, and of the cookie in it.
pub trait ErrorResponse<B>: Clone {
    /// The response for this error.
    fn error_response(&self, error: &SessionError) -> Response<B>;

    /// Whether this response also replaces that of [`SessionError::to_response`]. Default: yes. Otherwise that response stays as it is,
    /// except for its status.
    fn replaces_responses(&self) -> bool {
        true
    }
}

impl<F, B> ErrorResponse<B> for F
where
    F: Fn(&SessionError) -> Response<B> + Clone,
{
    fn error_response(&self, error: &SessionError) -> Response<B> {
        self(error)
    }
}

/// A response without a body: the default of [`SessionLayer`](crate::SessionLayer).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DefaultErrorResponse;

impl<B: Default> ErrorResponse<B> for DefaultErrorResponse {
    fn error_response(&self, _error: &SessionError) -> Response<B> {
        Response::new(B::default())
    }

    /// No: it has no body either, and middleware may have added one.
    fn replaces_responses(&self) -> bool {
        false
    }
}

/// The statuses of error responses that an application may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statuses {
    pub(super) gone: StatusCode,
    pub(super) conflict: StatusCode,
}

impl Statuses {
    pub(super) const DEFAULT: Self = Self { gone: StatusCode::UNAUTHORIZED, conflict: StatusCode::CONFLICT };

    fn of(self, error: &SessionError) -> StatusCode {
        match error {
            SessionError::Gone => self.gone,
            SessionError::Conflict | SessionError::Moved => self.conflict,
            _ => error.status(),
        }
    }
}

impl SessionError {
    /// A response without a body, with the error's [status](Self::status), `Retry-After` and `Cache-Control: no-store`, for services
    /// that pass the error on.
    ///
    /// The [`SessionLayer`](crate::SessionLayer) gives it the body of its [`ErrorResponse`] and the status of its settings, unless
    /// middleware in between has changed the status or added a `Content-Type`.
    #[must_use]
    pub fn to_response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        complete(&mut response, self, Statuses::DEFAULT);
        response.extensions_mut().insert(Unformatted);
        response
    }
}

/// In the extensions of the responses of [`SessionError::to_response`], until a layer has formatted them.
#[derive(Clone, Copy)]
struct Unformatted;

/// Formats the response of the handler, if it is that of [`SessionError::to_response`].
pub(super) fn format_error<B>(
    mut response: Response<B>,
    statuses: Statuses,
    error_response: &impl ErrorResponse<B>,
) -> Response<B> {
    let Some(error) = unformatted(&response).cloned() else { return response };
    response.extensions_mut().remove::<Unformatted>();
    if !error_response.replaces_responses() {
        *response.status_mut() = statuses.of(&error);
        return response;
    }
    let (mut old, _) = response.into_parts();
    let mut response = error_response.error_response(&error);
    let replaced = names(response.headers());
    for (name, value) in &old.headers {
        let adds_up = [SET_COOKIE, VARY].contains(name);
        if adds_up || !(DESCRIBE_BODY.contains(name) || replaced.contains(name)) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    old.extensions.extend(std::mem::take(response.extensions_mut()));
    *response.extensions_mut() = old.extensions;
    response.extensions_mut().remove::<Unformatted>();
    complete(&mut response, &error, statuses);
    response
}

/// The response in place of the handler's, whose changes were not saved. The cookies of layers further in stay: their sessions
/// have been saved.
pub(super) fn instead_of<B>(
    handlers: Option<&Response<B>>,
    error: &SessionError,
    statuses: Statuses,
    error_response: &impl ErrorResponse<B>,
) -> Response<B> {
    let mut response = error_response.error_response(error);
    complete(&mut response, error, statuses);
    if let Some(handlers) = handlers {
        keep_cors(handlers.headers(), response.headers_mut());
        if let Some(cookies) = handlers.extensions().get::<SessionCookies>() {
            for cookie in &cookies.0 {
                response.headers_mut().append(SET_COOKIE, cookie.clone());
            }
            response.extensions_mut().insert(cookies.clone());
        }
    }
    response
}

/// Adds what an error response must have, whatever made it.
fn complete<B>(response: &mut Response<B>, error: &SessionError, statuses: Statuses) {
    // An error must not look like a success because its status was forgotten.
    if response.status().is_success() || response.status().is_informational() {
        *response.status_mut() = statuses.of(error);
    }
    let headers = response.headers_mut();
    if let Some(delay) = error.retry_after() {
        headers.entry(RETRY_AFTER).or_insert(delay.as_secs().into());
    }
    forbid_caching(headers);
    response.extensions_mut().insert(error.clone());
}

fn unformatted<B>(response: &Response<B>) -> Option<&SessionError> {
    // Most responses are no errors, and cost no look-up.
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return None;
    }
    response.extensions().get::<Unformatted>()?;
    // Middleware may have given it a body of its own.
    if response.headers().contains_key(CONTENT_TYPE) {
        return None;
    }
    response.extensions().get::<SessionError>().filter(|error| error.status() == response.status())
}

/// Without these, a script of another origin could not read the status.
fn keep_cors(handlers: &HeaderMap, headers: &mut HeaderMap) {
    let replaced = names(headers);
    for (name, value) in handlers {
        let is_missing = name.as_str().starts_with("access-control-") && !replaced.contains(name);
        if name == VARY || is_missing {
            headers.append(name.clone(), value.clone());
        }
    }
}

fn names(headers: &HeaderMap) -> Vec<HeaderName> {
    headers.keys().cloned().collect()
}

/// The headers of a response that do not hold for another body.
const DESCRIBE_BODY: [HeaderName; 10] = [
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    TRANSFER_ENCODING,
];
