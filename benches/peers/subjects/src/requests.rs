use axum::body::Body;
use axum::http::{HeaderValue, Request, header};

/// A kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What the reports call it.
    pub name: &'static str,
    /// The path.
    pub path: &'static str,
    /// The cookie that it carries.
    pub cookie: Cookie,
}

/// Which cookie a request carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cookie {
    /// The cookie of a session.
    Valid,
    /// A cookie that was changed.
    Forged,
    /// No cookie.
    Missing,
}

/// The measured requests.
pub const CASES: [Case; 5] = [
    Case { name: "read", path: "/read", cookie: Cookie::Valid },
    Case { name: "write", path: "/write", cookie: Cookie::Valid },
    Case { name: "session not touched", path: "/plain", cookie: Cookie::Valid },
    Case { name: "no cookie", path: "/plain", cookie: Cookie::Missing },
    Case { name: "forged cookie", path: "/plain", cookie: Cookie::Forged },
];

impl Case {
    /// The request of a client with this cookie.
    #[must_use]
    pub fn request(&self, cookie: &HeaderValue) -> Request<Body> {
        match self.cookie {
            Cookie::Valid => request(self.path, Some(cookie.clone())),
            Cookie::Forged => request(self.path, Some(forged(cookie))),
            Cookie::Missing => request(self.path, None),
        }
    }
}

/// A `GET` as a browser sends it.
#[must_use]
pub fn request(path: &'static str, cookie: Option<HeaderValue>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = axum::http::Uri::from_static(path);
    let headers = request.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(cookie) = cookie {
        headers.insert(header::COOKIE, cookie);
    }
    request
}

/// The cookie with another letter in the second half of its value.
#[must_use]
pub fn forged(cookie: &HeaderValue) -> HeaderValue {
    let mut bytes = cookie.as_bytes().to_vec();
    let start = bytes.iter().position(|byte| *byte == b'=').unwrap_or_default();
    let changed = start + (bytes.len() - start) * 2 / 3;
    bytes[changed] = if bytes[changed] == b'a' { b'b' } else { b'a' };
    HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| cookie.clone())
}

/// What the routes without sessions get, so that requests to all applications have about the same length.
pub const UNUSED_COOKIE: &str =
    "session=AVnIb0rZ8bqEwN5m1p7fCk2xWvTgLhJ4sRyD6aQoU3iXeKtMzBnPcYlHdGfSjOuV9wA0rI7kE2qNxTbZ5hL8mCpD";

/// The headers of Chromium for a page that it opens from a link, without the cookie.
pub const HEADERS: [(&str, &str); 11] = [
    ("host", "localhost"),
    ("upgrade-insecure-requests", "1"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-user", "?1"),
    ("sec-fetch-dest", "document"),
    ("referer", "http://localhost/"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_cookie_differs_in_a_letter() {
        let cookie = HeaderValue::from_static("id=aaaaaaaaa");
        assert_eq!(forged(&cookie), "id=aaaaabaaa");
    }
}
