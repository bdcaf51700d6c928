use std::fmt;
use std::iter::successors;
use std::sync::Arc;
use std::task::{Context, Poll};

use handstamp_core::cookie::Presented;
use http::header::COOKIE;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_service::Service;

use super::cookie::SessionCookie;
use super::{DefaultErrorResponse, ErrorResponse, ResponseFuture, Shared};
use crate::SessionData;
use crate::session::RequestSession;

/// The service that [`SessionLayer`](super::SessionLayer) wraps around another.
pub struct SessionService<S, T, E = DefaultErrorResponse> {
    inner: S,
    shared: Arc<Shared<T>>,
    error_response: E,
}

impl<S, T, E> SessionService<S, T, E> {
    pub(super) fn new(inner: S, shared: Arc<Shared<T>>, error_response: E) -> Self {
        Self { inner, shared, error_response }
    }
}

impl<S, T, E, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<S, T, E>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    T: SessionData,
    E: ErrorResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, T, ResBody, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let newest = newest::<T>(request.extensions());
        let same = |request_session: &&Arc<RequestSession<T>>| {
            request_session.shared().is_same_session(&self.shared)
        };
        if let Some(request_session) =
            successors(newest.as_ref(), |request_session| request_session.outer()).find(same)
        {
            use_again(request.extensions_mut(), request_session, newest.as_ref());
            return ResponseFuture::nested(self.inner.call(request), self.error_response.clone());
        }
        let (presented, passive) = examine(self.shared.cookie(), request.headers_mut());
        let request_session = Arc::new(RequestSession::new(self.shared.clone(), presented, passive, newest));
        add(request.extensions_mut(), request_session.clone());
        ResponseFuture::new(self.inner.call(request), request_session, self.error_response.clone())
    }
}

/// The newest session of a request, if the session of an outer layer is in use again.
#[derive(Clone)]
struct Newest<T: SessionData>(Arc<RequestSession<T>>);

/// The newest session of this type in a request, from which all others can be reached.
fn newest<T: SessionData>(extensions: &Extensions) -> Option<Arc<RequestSession<T>>> {
    let in_use = extensions.get::<Arc<RequestSession<T>>>()?;
    Some(extensions.get::<Newest<T>>().map_or(in_use, |newest| &newest.0).clone())
}

fn add<T: SessionData>(extensions: &mut Extensions, request_session: Arc<RequestSession<T>>) {
    if request_session.outer().is_some() {
        extensions.remove::<Newest<T>>();
    }
    extensions.insert(request_session);
}

/// Makes extractors use this session again, as those outside of a layer for another cookie do.
fn use_again<T: SessionData>(
    extensions: &mut Extensions,
    request_session: &Arc<RequestSession<T>>,
    newest: Option<&Arc<RequestSession<T>>>,
) {
    extensions.insert(request_session.clone());
    if let Some(newest) = newest {
        extensions.insert(Newest(newest.clone()));
    }
}

/// The session cookie of a request, and whether the request does not count as a use of the session, in one pass over
/// the headers.
///
/// Hides the cookies, to keep the session's credential out of the logs of services behind this layer.
fn examine(cookie: &SessionCookie, headers: &mut HeaderMap) -> (Presented, bool) {
    let mut passive = false;
    let cookies = headers.iter_mut().filter_map(|(name, value)| {
        if name == COOKIE {
            value.set_sensitive(true);
            return Some(&*value);
        }
        passive |= is_prefetch(name, value);
        None
    });
    (cookie.find(cookies), passive)
}

/// Whether the browser prefetches a page that the visitor may never see.
///
/// `Sec-Purpose` is that of the [Fetch standard](https://fetch.spec.whatwg.org/#sec-purpose-header); the others are those of older
/// browsers.
fn is_prefetch(name: &HeaderName, value: &HeaderValue) -> bool {
    matches!(name.as_str(), "sec-purpose" | "purpose" | "x-purpose" | "x-moz") && names_prefetch(value)
}

fn names_prefetch(purpose: &HeaderValue) -> bool {
    let purpose = purpose.as_bytes().trim_ascii();
    let begins_with = |word: &str| {
        purpose.get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word.as_bytes()))
    };
    begins_with("prefetch") || begins_with("preview")
}

impl<S: Clone, T, E: Clone> Clone for SessionService<S, T, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
            error_response: self.error_response.clone(),
        }
    }
}

impl<S: fmt::Debug, T, E> fmt::Debug for SessionService<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService")
            .field("inner", &self.inner)
            .field("cookie", &self.shared.cookie)
            .finish_non_exhaustive()
    }
}
