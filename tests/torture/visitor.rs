use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fleet::{Address, NODES};
use crate::history::{Body, Call, CookieNumber, Moment, Operation, Outcome, SetCookie};

/// An HTTP client for the nodes. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    client: Client,
    addresses: [Address; NODES],
    /// The start of the run.
    began: Instant,
}

/// A request to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) actor: usize,
    pub(crate) node: usize,
    pub(crate) operation: Operation,
    /// The cookie to send: its number and its value.
    pub(crate) cookie: Option<(CookieNumber, &'r str)>,
    pub(crate) username: &'r str,
    /// How long the handler of a visit or a note waits.
    pub(crate) hold: Duration,
}

impl Visitor {
    pub(crate) fn new(addresses: [Address; NODES], began: Instant) -> Self {
        let client = Client::builder().timeout(PATIENCE).build().expect("an HTTP client");
        Self { client, addresses, began }
    }

    pub(crate) fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// Sends a request. Returns the call, and the change of the jar, which the call does not contain yet.
    pub(crate) async fn send(&self, request: Request<'_>) -> (Call, SetCookie<String>) {
        let address = &self.addresses[request.node];
        let process = address.process();
        let start = self.now();
        let (outcome, set_cookie) = match self.exchange(address, &request).await {
            Ok(response) => response,
            Err(_) => (Outcome::Unknown, SetCookie::Nothing),
        };
        let end = self.now();
        let call = Call {
            actor: request.actor,
            node: request.node,
            process: process.filter(|_| address.process() == process),
            cookie: request.cookie.map(|(number, _)| number),
            operation: request.operation,
            start,
            end,
            outcome,
            set_cookie: SetCookie::Nothing,
        };
        (call, set_cookie)
    }

    async fn exchange(
        &self,
        address: &Address,
        request: &Request<'_>,
    ) -> reqwest::Result<(Outcome, SetCookie<String>)> {
        let base_url = &address.base_url;
        let builder = match request.operation {
            Operation::Login | Operation::Renew => {
                self.client.post(format!("{base_url}/login")).json(&json!({ "username": request.username }))
            }
            Operation::Visit => {
                let hold = request.hold.as_millis();
                self.client.post(format!("{base_url}/visits?hold_ms={hold}"))
            }
            Operation::Note => {
                let hold = request.hold.as_millis();
                self.client.post(format!("{base_url}/notes?hold_ms={hold}"))
            }
            Operation::Read => self.client.get(format!("{base_url}/me")),
            Operation::Logout => self.client.post(format!("{base_url}/logout")),
        };
        let builder = match request.cookie {
            Some((_, cookie)) => builder.header("cookie", cookie),
            None => builder,
        };
        let response = builder.send().await?;
        let (status, set_cookie) = (response.status(), set_cookie(&response));
        let outcome = match status {
            StatusCode::OK => Outcome::Done(body(&response.json().await?)),
            StatusCode::NO_CONTENT => Outcome::Done(Body::default()),
            StatusCode::UNAUTHORIZED => Outcome::Unauthorized,
            StatusCode::CONFLICT => Outcome::Conflict,
            status => Outcome::Failed(status.as_u16()),
        };
        Ok((outcome, set_cookie))
    }
}

fn body(json: &Value) -> Body {
    Body { username: json["username"].as_str().map(str::to_owned), visits: json["visits"].as_u64() }
}

/// The change of the jar. It has room for one cookie, so the last header counts.
fn set_cookie(response: &Response) -> SetCookie<String> {
    let header = response.headers().get_all("set-cookie").iter().next_back();
    let Some((pair, attributes)) =
        header.and_then(|header| header.to_str().ok()).and_then(|text| text.split_once(';'))
    else {
        return SetCookie::Nothing;
    };
    if attributes.contains("Max-Age=0") { SetCookie::Removes } else { SetCookie::Gives(pair.to_owned()) }
}

/// The time limit of a request: longer than any budget of a node, and shorter than the suspension of a node.
const PATIENCE: Duration = Duration::from_secs(2);
