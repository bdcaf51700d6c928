//! What the layer does to responses.

use http::header::{CACHE_CONTROL, Entry, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderValue, Response, StatusCode};

use crate::SessionError;

/// The statuses of answers that an application may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statuses {
    pub(crate) gone: StatusCode,
    pub(crate) conflict: StatusCode,
}

/// The session cookies that a response carries, so that an outer layer knows them from others.
#[derive(Clone)]
struct SessionCookies(Vec<HeaderValue>);

/// Marks the answer of a handler that looked at the session, and sends the cookie along.
pub(super) fn mark<B>(response: &mut Response<B>, cookie: Option<HeaderValue>) {
    let headers = response.headers_mut();
    // Whatever a cache keeps of this is true for this visitor only.
    match headers.entry(VARY) {
        Entry::Vacant(vary) => {
            vary.insert(HeaderValue::from_static("cookie"));
        }
        Entry::Occupied(mut vary) => {
            if !vary.iter().any(|names| names == "*" || mentions_cookie(names)) {
                vary.append(HeaderValue::from_static("cookie"));
            }
        }
    }
    if let Some(cookie) = cookie {
        // A cache that kept it would hand out the session itself.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(SET_COOKIE, cookie.clone());
        let cookies = response.extensions_mut().get_or_insert_with(|| SessionCookies(Vec::new()));
        cookies.0.push(cookie);
    }
}

/// The answer in the place of the handler's, whose work was not kept. The cookies of layers further in are: their
/// sessions have been written.
pub(super) fn instead_of<B: Default>(
    handlers: &Response<B>,
    error: SessionError,
    statuses: Statuses,
) -> Response<B> {
    let status = match &error {
        SessionError::Gone => statuses.gone,
        SessionError::Conflict => statuses.conflict,
        _ => error.status(),
    };
    let mut response = error_response(error);
    *response.status_mut() = status;
    if let Some(cookies) = handlers.extensions().get::<SessionCookies>() {
        for cookie in &cookies.0 {
            response.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        response.extensions_mut().insert(cookies.clone());
    }
    response
}

/// An empty answer with the error's status.
pub(crate) fn error_response<B: Default>(error: SessionError) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = error.status();
    if let Some(delay) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, delay.as_secs().into());
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(error);
    response
}

fn mentions_cookie(vary: &HeaderValue) -> bool {
    vary.as_bytes().split(|&byte| byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"cookie"))
}
