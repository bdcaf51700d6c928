//! What the layer does to responses.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, Entry, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::SessionError;

/// Marks the answer of a handler that looked at the session, and sends the cookie along.
pub(super) fn mark(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
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
        headers.append(SET_COOKIE, cookie);
    }
}

/// The answer in the place of the handler's, whose work was not kept.
pub(super) fn instead_of_handler<B: Default>(
    error: &Arc<SessionError>,
    gone_status: StatusCode,
) -> Response<B> {
    let mut response = error_response(error.clone());
    if let SessionError::Gone = **error {
        *response.status_mut() = gone_status;
    } else {
        tracing::error!(error = &**error as &dyn std::error::Error, "a session could not be written");
    }
    response
}

/// An empty answer with the error's status.
pub(crate) fn error_response<B: Default>(error: Arc<SessionError>) -> Response<B> {
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
