use std::str::FromStr;

use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};

use crate::origin::csrf_layer;
use crate::{Origin, Session, SessionData};

/// `POST` only, and only from pages of the same origin or a trusted one: another site must not be able to log visitors out.
pub(super) fn route<T: SessionData, S: Clone + Send + Sync + 'static>(
    after: Option<LocalPath>,
    trusted: &[Origin],
) -> MethodRouter<S> {
    post(async move |request: Request| logout::<T>(&request, after.as_ref())).layer(csrf_layer(trusted))
}

/// The layer ends the session before this response is sent, and responds with 503 instead if it cannot.
fn logout<T: SessionData>(request: &Request, after: Option<&LocalPath>) -> Response {
    if let Err(rejection) = Session::<T>::destroy_in(request.extensions()) {
        return rejection.into_response();
    }
    let mut response = match after {
        Some(LocalPath(path)) => (StatusCode::SEE_OTHER, [(header::LOCATION, path.clone())]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A path on this site, as the target of a redirect: it begins with one `/`, and no browser takes a part of it for another host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalPath(HeaderValue);

/// The text is no path on this site: it must begin with `/`, but not with `//` or `/\`, and be visible ASCII.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a path on this site: it must begin with one `/`, and consist of visible ASCII without `\\`")]
#[non_exhaustive]
pub struct InvalidLocalPath;

impl FromStr for LocalPath {
    type Err = InvalidLocalPath;

    fn from_str(path: &str) -> Result<Self, InvalidLocalPath> {
        let local = path.starts_with('/') && !path.starts_with("//");
        let harmless = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        // `%2f` at the beginning becomes a slash in some proxies.
        let plain =
            !path.to_ascii_lowercase().starts_with("/%2f") && !path.to_ascii_lowercase().starts_with("/%5c");
        if !(local && harmless && plain) {
            return Err(InvalidLocalPath);
        }
        HeaderValue::from_str(path).map(Self).map_err(|_| InvalidLocalPath)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_accepted() {
        for path in ["/", "/bye", "/login?from=logout#top"] {
            assert!(path.parse::<LocalPath>().is_ok(), "{path:?}");
        }
        for path in [
            "",
            "bye",
            "//evil",
            "/\\evil",
            "https://evil",
            "/%2f%2fevil",
            "/%5Cevil",
            "\t/bye",
            "/bye\r\nx: y",
            "/ä",
        ] {
            assert_eq!(path.parse::<LocalPath>(), Err(InvalidLocalPath), "{path:?}");
        }
    }
}
