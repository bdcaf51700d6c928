use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use handstamp::{SessionData, SessionLayer, SessionRoutes, Sessions};
use serde::{Deserialize, Serialize};
use tower_http::csrf::CsrfLayer;

use crate::handlers::{login, me, visits};
use crate::page::Page;

/// The data of a session.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct UserSession {
    pub(crate) username: Option<String>,
    pub(crate) visits: u64,
}

impl SessionData for UserSession {
    fn subject(&self) -> Option<&str> {
        self.username.as_deref()
    }
}

/// The node, as handlers see it.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
}

/// The application of one node.
pub(crate) fn app(sessions: &Sessions, others: &[u16]) -> Router {
    let node = Node { name: sessions.node_id().as_str().into() };
    let page = Page::new(&node.name, others);
    Router::new()
        .route("/", get(async move || page.clone()))
        .route("/login", post(login))
        .route("/me", get(me))
        .route("/visits", post(visits))
        .with_state(node)
        .merge(SessionRoutes::<UserSession>::new(sessions))
        .layer(SessionLayer::<UserSession>::new(sessions))
        .route("/plain", get(async || "ok"))
        // A page of another site must not log a visitor in, for example under the name of an attacker.
        .layer(csrf_layer(sessions))
}

fn csrf_layer(sessions: &Sessions) -> CsrfLayer {
    sessions.trusted_origins().iter().fold(CsrfLayer::new(), |layer, origin| {
        // Cannot fail: the origin was validated when the configuration was read.
        layer.clone().add_trusted_origin(origin.as_str()).unwrap_or(layer)
    })
}
