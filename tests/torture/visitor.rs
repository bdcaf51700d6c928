use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fleet::{Address, NODES};
use crate::history::{Answer, Call, Label, Moment, Operation, Outcome};

/// Asks nodes over HTTP. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    client: Client,
    addresses: [Address; NODES],
    /// What moments are counted from.
    began: Instant,
}

/// A request to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) actor: usize,
    pub(crate) node: usize,
    pub(crate) operation: Operation,
    /// Which cookie to send, and what it is.
    pub(crate) cookie: Option<(Label, &'r str)>,
    pub(crate) username: &'r str,
    /// How long the handler of a visit is to take.
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

    /// Makes a request. Returns what came of it, and the cookie that it was answered with.
    pub(crate) async fn send(&self, request: Request<'_>) -> (Call, Option<String>) {
        let address = &self.addresses[request.node];
        let process = address.process();
        let start = self.now();
        let (outcome, cookie) = match self.exchange(address, &request).await {
            Ok(answered) => answered,
            Err(_) => (Outcome::Unknown, None),
        };
        let end = self.now();
        let call = Call {
            actor: request.actor,
            node: request.node,
            process: process.filter(|_| address.process() == process),
            cookie: request.cookie.map(|(label, _)| label),
            operation: request.operation,
            start,
            end,
            outcome,
        };
        (call, cookie)
    }

    async fn exchange(
        &self,
        address: &Address,
        request: &Request<'_>,
    ) -> reqwest::Result<(Outcome, Option<String>)> {
        let base_url = &address.base_url;
        let builder = match request.operation {
            Operation::Login | Operation::Renew => {
                self.client.post(format!("{base_url}/login")).json(&json!({ "username": request.username }))
            }
            Operation::Visit => {
                let hold = request.hold.as_millis();
                self.client.post(format!("{base_url}/visits?hold_ms={hold}"))
            }
            Operation::Read => self.client.get(format!("{base_url}/me")),
            Operation::Logout => self.client.post(format!("{base_url}/logout")),
        };
        let builder = match request.cookie {
            Some((_, cookie)) => builder.header("cookie", cookie),
            None => builder,
        };
        let response = builder.send().await?;
        let (status, cookie) = (response.status(), cookie_of(&response));
        let outcome = match status {
            StatusCode::OK => Outcome::Done(answer(&response.json().await?)),
            StatusCode::NO_CONTENT => Outcome::Done(Answer::default()),
            StatusCode::UNAUTHORIZED => Outcome::Refused,
            status => Outcome::Failed(status.as_u16()),
        };
        Ok((outcome, cookie))
    }
}

fn answer(json: &Value) -> Answer {
    Answer {
        username: json["username"].as_str().map(str::to_owned),
        visits: json["visits"].as_u64(),
        cookie: None,
    }
}

/// `name=value`, unless the answer takes the cookie away.
fn cookie_of(response: &Response) -> Option<String> {
    let header = response.headers().get("set-cookie")?.to_str().ok()?;
    let (pair, attributes) = header.split_once(';')?;
    (!attributes.contains("Max-Age=0")).then(|| pair.to_owned())
}

/// How long an answer is waited for: longer than any budget of a node, and shorter than a node is made to stand
/// still.
const PATIENCE: Duration = Duration::from_secs(2);
