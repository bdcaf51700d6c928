/// In the extensions of a response: what the request wanted of its session and has not committed is forgotten, except that it
/// ends.
///
/// For middleware between the handlers and the [`SessionLayer`](crate::SessionLayer) that makes a response of something else
/// than a handler's result, such as a panic or a timeout:
///
/// ```
/// use axum::http::StatusCode;
/// use axum::response::{IntoResponse, Response};
/// use handstamp::DiscardSession;
///
/// fn on_panic() -> Response {
///     let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
///     response.extensions_mut().insert(DiscardSession);
///     response
/// }
/// # on_panic();
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DiscardSession;
