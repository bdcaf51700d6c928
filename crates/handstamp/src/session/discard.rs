/// In the extensions of a response: everything that the request has done to its session and has not committed is discarded, except for a
/// logout.
///
/// For middleware between the handlers and the [`SessionLayer`](crate::SessionLayer) whose response is not that of a handler, such as after a
/// panic or a timeout:
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
