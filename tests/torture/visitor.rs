use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fleet::{Address, NODES};
use crate::history::{Answer, Call, Label, Moment, Operation, Outcome, SetCookie};

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
    /// How long the handler of a visit or a note is to take.
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

    /// Makes a request. Returns what came of it, and what the answer does to the jar, which the call does not say yet.
    pub(crate) async fn send(&self, request: Request<'_>) -> (Call, SetCookie<String>) {
        let address = &self.addresses[request.node];
        let process = address.process();
        let start = self.now();
        let (outcome, set_cookie) = match self.exchange(address, &request).await {
            Ok(answered) => answered,
            Err(_) => (Outcome::Unknown, SetCookie::Nothing),
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
            StatusCode::OK => Outcome::Done(answer(&response.json().await?)),
            StatusCode::NO_CONTENT => Outcome::Done(Answer::default()),
            StatusCode::UNAUTHORIZED => Outcome::Refused,
            StatusCode::CONFLICT => Outcome::Conflict,
            status => Outcome::Failed(status.as_u16()),
        };
        Ok((outcome, set_cookie))
    }
}

fn answer(json: &Value) -> Answer {
    Answer { username: json["username"].as_str().map(str::to_owned), visits: json["visits"].as_u64() }
}

/// What becomes of the jar, which holds one cookie: of several headers, the last one counts.
fn set_cookie(response: &Response) -> SetCookie<String> {
    let header = response.headers().get_all("set-cookie").iter().next_back();
    let Some((pair, attributes)) =
        header.and_then(|header| header.to_str().ok()).and_then(|text| text.split_once(';'))
    else {
        return SetCookie::Nothing;
    };
    if attributes.contains("Max-Age=0") { SetCookie::Removes } else { SetCookie::Gives(pair.to_owned()) }
}

/// How long an answer is waited for: longer than any budget of a node, and shorter than a node is made to stand
/// still.
const PATIENCE: Duration = Duration::from_secs(2);
