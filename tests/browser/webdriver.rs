use handstamp_testkit::PATIENCE;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A session of the [WebDriver protocol](https://www.w3.org/TR/webdriver2/): commands in JSON over HTTP.
///
/// Crates for this protocol would change the build of everything else: thirtyfour turns on features of `serde_json` and `tracing` for the
/// whole workspace, and fantoccini brings older versions of `http`, `cookie` and `thiserror`. These tests need nine commands.
#[derive(Clone, Debug)]
pub(crate) struct WebDriver {
    client: Client,
    /// `http://host:port/session/id`
    session: String,
}

impl WebDriver {
    /// Starts a browser.
    ///
    /// # Errors
    ///
    /// When the driver does not reply, or returns an error.
    pub(crate) async fn start(url: &str, capabilities: Value) -> Result<Self, String> {
        // The driver reports scripts that exceed PATIENCE. Proxy settings are for other hosts.
        let client = Client::builder().no_proxy().timeout(PATIENCE * 2).build().expect("a client");
        let parameters = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let started = reply(client.post(format!("{url}/session")).json(&parameters)).await?;
        let id = started["sessionId"].as_str().ok_or("the driver returned no session")?;
        Ok(Self { session: format!("{url}/session/{id}"), client })
    }

    pub(crate) async fn post(&self, command: &str, parameters: Value) -> Value {
        let request = self.client.post(format!("{}/{command}", self.session));
        reply(request.json(&parameters)).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    pub(crate) async fn delete(&self, command: &str) {
        let request = self.client.delete(format!("{}/{command}", self.session));
        reply(request).await.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Ends the browser.
    pub(crate) async fn quit(&self) {
        reply(self.client.delete(&self.session)).await.expect("the browser ends");
    }
}

async fn reply(request: RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.map_err(|error| error.to_string())?;
    let succeeded = response.status().is_success();
    let mut body: Value = response.json().await.map_err(|error| error.to_string())?;
    let value = body["value"].take();
    if succeeded { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
}
