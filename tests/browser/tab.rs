use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::gate::NODE;
use crate::webdriver::WebDriver;

/// A tab of the browser. A driver commands one tab at a time: calls of two tabs must not overlap.
#[derive(Debug)]
pub(crate) struct Tab {
    driver: WebDriver,
    window: Value,
    sent: AtomicU64,
}

/// A request for a page to send.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    body: Option<Value>,
    node: usize,
}

/// A request that a page has sent.
#[derive(Debug)]
#[must_use]
pub(crate) struct Sent(u64);

/// The response as the page sees it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PageResponse {
    pub(crate) status: u16,
    body: String,
}

impl Call {
    pub(crate) fn post(path: &str, node: usize) -> Self {
        Self { method: "POST", path: path.to_owned(), body: None, node }
    }

    pub(crate) fn login(name: &str, node: usize) -> Self {
        Self { body: Some(json!({ "username": name })), ..Self::post("/login", node) }
    }
}

impl Tab {
    pub(crate) async fn open(driver: WebDriver, url: &str) -> Self {
        let opened = driver.post("window/new", json!({ "type": "tab" })).await;
        let tab = Self { driver, window: opened["handle"].clone(), sent: AtomicU64::new(0) };
        tab.command("url", json!({ "url": url })).await;
        tab.run("sync", COUNT_RESPONSES, json!([])).await;
        tab
    }

    pub(crate) async fn close(self) {
        self.switch_to().await;
        self.driver.delete("window").await;
    }

    /// Makes the page send a request, and returns before the response.
    pub(crate) async fn send(&self, call: &Call) -> Sent {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        let mut options = json!({
            "method": call.method,
            "headers": { NODE: call.node.to_string() },
            "cache": "no-store",
        });
        if let Some(body) = &call.body {
            options["headers"]["content-type"] = json!("application/json");
            options["body"] = json!(body.to_string());
        }
        self.run("sync", SEND, json!([sent, call.path, options])).await;
        Sent(sent)
    }

    /// Waits for a response. By then, the browser has stored or removed its cookies.
    pub(crate) async fn response(&self, Sent(sent): Sent) -> PageResponse {
        let response = self.run("async", WAIT, json!([sent])).await;
        serde_json::from_value(response.clone()).unwrap_or_else(|_| panic!("the request failed: {response}"))
    }

    pub(crate) async fn call(&self, call: &Call) -> PageResponse {
        let sent = self.send(call).await;
        self.response(sent).await
    }

    pub(crate) async fn log_in(&self, name: &str, node: usize) {
        let response = self.call(&Call::login(name, node)).await;
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// The user that a node reports.
    pub(crate) async fn user(&self, node: usize) -> Option<String> {
        let me = Call { method: "GET", ..Call::post("/me", node) };
        let response = self.call(&me).await;
        match response.status {
            200 => Some(serde_json::from_str::<Me>(&response.body).expect("a user").username),
            401 => None,
            _ => panic!("{response:?}"),
        }
    }

    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        let element = element[ELEMENT].as_str().expect("an element");
        self.command(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    pub(crate) async fn double_click(&self, selector: &str) {
        let element = self.find(selector).await;
        let (down, up) =
            (json!({ "type": "pointerDown", "button": 0 }), json!({ "type": "pointerUp", "button": 0 }));
        let there = json!({ "type": "pointerMove", "origin": element, "x": 0, "y": 0, "duration": 0 });
        let mouse = json!({ "type": "pointer", "id": "mouse", "actions": [there, down, up, down, up] });
        self.command("actions", json!({ "actions": [mouse] })).await;
    }

    /// The number of responses to requests for this path that the page has received.
    pub(crate) async fn responses(&self, path: &str) -> u64 {
        let count = self.run("sync", "return window.counts[arguments[0]] ?? 0", json!([path]));
        count.await.as_u64().expect("a number")
    }

    async fn find(&self, selector: &str) -> Value {
        self.command("element", json!({ "using": "css selector", "value": selector })).await
    }

    async fn run(&self, kind: &str, script: &str, arguments: Value) -> Value {
        self.command(&format!("execute/{kind}"), json!({ "script": script, "args": arguments })).await
    }

    async fn command(&self, command: &str, parameters: Value) -> Value {
        self.switch_to().await;
        self.driver.post(command, parameters).await
    }

    async fn switch_to(&self) {
        self.driver.post("window", json!({ "handle": self.window })).await;
    }
}

#[derive(Deserialize)]
struct Me {
    username: String,
}

/// The name that the protocol gives to the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const SEND: &str = "
    const [id, path, options] = arguments;
    window.responses ??= {};
    window.responses[id] = fetch(path, options).then(
        async (response) => ({ status: response.status, body: await response.text() }),
    ).catch(String);
";

const WAIT: &str = "
    const [id, done] = arguments;
    window.responses[id].then(done);
";

const COUNT_RESPONSES: &str = "
    const { fetch } = window;
    window.counts = {};
    window.fetch = async (path, options) => {
        const response = await fetch(path, options);
        window.counts[path] = (window.counts[path] ?? 0) + 1;
        return response;
    };
";
