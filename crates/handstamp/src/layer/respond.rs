//! The headers that the layer adds to responses.

use http::header::{CACHE_CONTROL, EXPIRES, Entry, PRAGMA, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

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

/// The `Cache-Control` of responses that depend on an existing session, unless the handler has set one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CacheControl {
    /// `private, no-cache`: the browser may store the response, and revalidates it before it shows it again, also when the visitor
    /// goes back after a logout. Shared caches do not store it.
    #[default]
    Revalidate,
    /// `no-store`: no cache stores the response, and the browser loads the page again when the visitor goes back.
    NoStore,
}

/// The session cookies in a response, so that an outer layer can tell them from other cookies.
#[derive(Clone)]
pub(super) struct SessionCookies(pub(super) Vec<HeaderValue>);

/// Adds the headers of a response that depends on the session, and the session cookie.
pub(super) fn mark<B>(response: &mut Response<B>, marks: Marks, cache_control: CacheControl) {
    let headers = response.headers_mut();
    // A cache may reuse this response for the same visitor only.
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
        // Pages in the browser's cache were made from the session that has ended.
        headers.entry(CLEAR_SITE_DATA).or_insert(HeaderValue::from_static("\"cache\""));
    }
    if let Some(cookie) = marks.cookie {
        // A cache that stored this response would hand out the session itself.
        forbid_caching(headers);
        headers.append(SET_COOKIE, cookie.clone());
        let cookies = response.extensions_mut().get_or_insert_with(|| SessionCookies(Vec::new()));
        cookies.0.push(cookie);
    } else if marks.existed {
        headers.entry(CACHE_CONTROL).or_insert(cache_control.value());
    }
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
pub(super) fn forbid_caching(headers: &mut HeaderMap) {
    let overrides = |name: &&HeaderName| {
        name.as_str().ends_with("-cache-control")
            || OVERRIDES.contains(&name.as_str())
            || [EXPIRES, PRAGMA].contains(name)
    };
    // Usually there are none, and nothing is allocated.
    let overriding: Vec<_> = headers.keys().filter(overrides).cloned().collect();
    for name in overriding {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn mentions_cookie(vary: &HeaderValue) -> bool {
    vary.as_bytes().split(|&byte| byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"cookie"))
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Headers of Fastly and Varnish, nginx, and Akamai.
const OVERRIDES: [&str; 3] = ["surrogate-control", "x-accel-expires", "edge-control"];
