use std::time::Duration;

use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use handstamp::{LogIn, Session};
use serde::{Deserialize, Serialize};

use crate::app::{Node, UserSession};

/// `POST /login`: any name is accepted. A real application verifies a password here.
pub(crate) async fn login(
    State(node): State<Node>,
    LogIn(session): LogIn<UserSession>,
    Login { username }: Login,
) -> Json<LoggedIn> {
    session.renew_for_login();
    let response = LoggedIn { username: username.clone(), node: node.name.to_string() };
    // The data of another user is dropped, since the username is the subject.
    session.update(move |user| user.username = Some(username));
    Json(response)
}

/// `GET /me`: the user that is logged in.
pub(crate) async fn me(
    State(node): State<Node>,
    session: Session<UserSession>,
) -> Result<Json<Me>, NotLoggedIn> {
    let user = session.get();
    let username = user.username.clone().ok_or(NotLoggedIn)?;
    Ok(Json(Me { username, visits: user.visits, node: node.name.to_string() }))
}

/// `POST /visits`: increments the number of visits, with `hold_ms` after a pause. The visit is committed before the response, so
/// concurrent visits on any nodes get different numbers.
pub(crate) async fn visits(
    State(node): State<Node>,
    session: Session<UserSession>,
    Query(Hold { hold_ms }): Query<Hold>,
) -> Result<Json<Visits>, Response> {
    if session.get().username.is_none() {
        return Err(NotLoggedIn.into_response());
    }
    tokio::time::sleep(Duration::from_millis(hold_ms.min(MAX_HOLD_MS))).await;
    let visits = session.update_and_commit(|user| {
        user.visits += 1;
        user.visits
    });
    let visits = visits.await.map_err(IntoResponse::into_response)?;
    Ok(Json(Visits { visits, node: node.name.to_string() }))
}

#[derive(Serialize)]
pub(crate) struct LoggedIn {
    username: String,
    node: String,
}

#[derive(Serialize)]
pub(crate) struct Me {
    username: String,
    visits: u64,
    node: String,
}

#[derive(Serialize)]
pub(crate) struct Visits {
    visits: u64,
    node: String,
}

#[derive(Deserialize)]
pub(crate) struct Hold {
    #[serde(default)]
    hold_ms: u64,
}

/// A login, as JSON or as a form.
#[derive(Deserialize)]
pub(crate) struct Login {
    username: String,
}

impl<S: Send + Sync> FromRequest<S> for Login {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let content_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_form = content_type
            .and_then(|value| value.get(..FORM.len()))
            .is_some_and(|value| value.eq_ignore_ascii_case(FORM));
        let login = if is_form {
            let form = Form::<Self>::from_request(request, state).await;
            form.map(|Form(login)| login).map_err(IntoResponse::into_response)?
        } else {
            let json = Json::<Self>::from_request(request, state).await;
            json.map(|Json(login)| login).map_err(IntoResponse::into_response)?
        };
        let username = login.username.trim();
        if username.is_empty() || username.chars().count() > MAX_USERNAME_LEN {
            let message = format!("a username has 1 to {MAX_USERNAME_LEN} characters\n");
            return Err((StatusCode::UNPROCESSABLE_ENTITY, message).into_response());
        }
        Ok(Self { username: username.to_owned() })
    }
}

/// 401.
pub(crate) struct NotLoggedIn;

impl IntoResponse for NotLoggedIn {
    fn into_response(self) -> Response {
        (StatusCode::UNAUTHORIZED, "not logged in\n").into_response()
    }
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";
const MAX_HOLD_MS: u64 = 60_000;
const MAX_USERNAME_LEN: usize = 256;
