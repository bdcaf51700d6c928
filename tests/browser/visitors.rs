use std::net::Ipv4Addr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use handstamp::{Config, Session, SessionData, SessionLayer, SessionRoutes, Sessions};
use handstamp_testkit::RedisServer;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::hold::{Holds, Place};
use crate::nodes::settings;

/// Two nodes of an application that also has sessions for anonymous visitors, unlike the reference node.
#[derive(Debug)]
pub(crate) struct Visitors {
    addresses: Vec<String>,
    /// Aborted on drop.
    _servers: JoinSet<()>,
    _redis: RedisServer,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Visitor {
    username: Option<String>,
    flashes: u32,
}

impl SessionData for Visitor {
    fn subject(&self) -> Option<&str> {
        self.username.as_deref()
    }
}

#[derive(Deserialize, Serialize)]
struct Login {
    username: String,
}

impl Visitors {
    /// Starts the nodes, with their own Redis.
    pub(crate) async fn start(holds: &Holds) -> Self {
        let redis = RedisServer::start().await;
        let settings = settings(&redis);
        let (mut addresses, mut servers) = (Vec::new(), JoinSet::new());
        for name in ["node-1", "node-2"] {
            let config = Config::from_vars(|name| settings.get(name).cloned()).node_id(name);
            let sessions = Sessions::start(config).await.expect("a runtime");
            let app = app(&sessions, holds.clone());
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            addresses.push(listener.local_addr().expect("an address").to_string());
            servers.spawn(async { axum::serve(listener, app).await.expect("the node serves") });
        }
        Self { addresses, _servers: servers, _redis: redis }
    }

    /// The addresses of the nodes: `address:port`.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = String> {
        self.addresses.iter().cloned()
    }
}

fn app(sessions: &Sessions, holds: Holds) -> Router {
    Router::new()
        .route("/flash", post(flash))
        .route("/login", post(login))
        .route("/me", get(me))
        .with_state(holds)
        .merge(SessionRoutes::<Visitor>::new(sessions))
        .layer(SessionLayer::<Visitor>::new(sessions))
        .route("/plain", get(async || "ok"))
}

/// Writes to the session of any visitor, like flash messages and CSRF tokens.
async fn flash(State(holds): State<Holds>, session: Session<Visitor>) {
    holds.pass(Place::Handler, "/flash").await;
    session.update(|visitor| visitor.flashes += 1);
}

async fn login(session: Session<Visitor>, Json(login): Json<Login>) {
    session.renew_for_login();
    session.update(move |visitor| visitor.username = Some(login.username.clone()));
}

async fn me(session: Session<Visitor>) -> Result<Json<Login>, StatusCode> {
    let username = session.get().username.clone().ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(Login { username }))
}
