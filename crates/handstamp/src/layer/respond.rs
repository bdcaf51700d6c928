//! What the layer does to responses.

use http::header::{CACHE_CONTROL, EXPIRES, Entry, PRAGMA, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::SessionError;

/// The statuses of answers that an application may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statuses {
    pub(crate) gone: StatusCode,
    pub(crate) conflict: StatusCode,
}

/// The headers that a response to a request that looked at its session needs.
#[derive(Default)]
pub(crate) struct Marks {
    /// The cookie to set or to remove.
    pub(crate) cookie: Option<HeaderValue>,
    /// Whether the handler saw a session that existed.
    pub(crate) existed: bool,
    /// Whether the request ended the session.
    pub(crate) ended: bool,
}

/// The `Cache-Control` of responses that were made from an existing session, unless the handler has set one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CacheControl {
    /// `private, no-cache`: the browser may keep the response, and asks before it shows it again, also when the visitor
    /// goes back after a logout. Shared caches do not keep it.
    #[default]
    Revalidate,
    /// `no-store`: nothing keeps the response, and the browser loads the page again when the visitor goes back.
    NoStore,
}

/// The session cookies that a response carries, so that an outer layer knows them from others.
#[derive(Clone)]
struct SessionCookies(Vec<HeaderValue>);

/// Marks the answer of a handler that looked at the session, and sends the cookie along.
pub(super) fn mark<B>(response: &mut Response<B>, marks: Marks, cache_control: CacheControl) {
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
    if marks.ended {
        // Pages in the browser's cache were made from a session that is over.
        headers.entry(CLEAR_SITE_DATA).or_insert(HeaderValue::from_static("\"cache\""));
    }
    if let Some(cookie) = marks.cookie {
        // A cache that kept it would hand out the session itself.
        forbid_caching(headers);
        headers.append(SET_COOKIE, cookie.clone());
        let cookies = response.extensions_mut().get_or_insert_with(|| SessionCookies(Vec::new()));
        cookies.0.push(cookie);
    } else if marks.existed {
        headers.entry(CACHE_CONTROL).or_insert(cache_control.value());
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
        SessionError::Conflict | SessionError::Moved => statuses.conflict,
        _ => error.status(),
    };
    let mut response = error_response(error);
    *response.status_mut() = status;
    keep_cors(handlers.headers(), response.headers_mut());
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

impl CacheControl {
    const fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Revalidate => "private, no-cache",
            Self::NoStore => "no-store",
        })
    }
}

/// Some caches obey other headers in place of `Cache-Control`: targeted ones
/// ([RFC 9213](https://www.rfc-editor.org/rfc/rfc9213)) and older ones.
fn forbid_caching(headers: &mut HeaderMap) {
    let overrides = |name: &&HeaderName| {
        name.as_str().ends_with("-cache-control")
            || OVERRIDES.contains(&name.as_str())
            || [EXPIRES, PRAGMA].contains(name)
    };
    // None as a rule, and then nothing is allocated.
    let overriding: Vec<_> = headers.keys().filter(overrides).cloned().collect();
    for name in overriding {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Without these, a script of another origin could not read the status.
fn keep_cors(handlers: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in handlers {
        if name == VARY || name.as_str().starts_with("access-control-") {
            headers.append(name.clone(), value.clone());
        }
    }
}

fn mentions_cookie(vary: &HeaderValue) -> bool {
    vary.as_bytes().split(|&byte| byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"cookie"))
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Headers of Fastly and Varnish, nginx, and Akamai.
const OVERRIDES: [&str; 3] = ["surrogate-control", "x-accel-expires", "edge-control"];
