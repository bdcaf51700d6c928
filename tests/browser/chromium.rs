use handstamp_testkit::PATIENCE;
use serde_json::json;
use tempfile::TempDir;

use crate::chromedriver::{Chromedriver, HOW_TO_INSTALL};
use crate::gate::Gate;
use crate::tab::Tab;
use crate::webdriver::WebDriver;

/// A Chromium without a window, with a new profile.
#[derive(Debug)]
pub(crate) struct Chromium {
    driver: WebDriver,
    origin: String,
    // The order of the fields: the processes end before their files are removed.
    _chromedriver: Chromedriver,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a browser for the site behind this gate.
    pub(crate) async fn start(gate: &Gate) -> Self {
        let profile = tempfile::tempdir().expect("a directory");
        let chromedriver = Chromedriver::start(profile.path());
        let user_data = format!("--user-data-dir={}", profile.path().join("profile").display());
        let arguments: Vec<_> = ARGUMENTS.into_iter().chain([user_data.as_str()]).collect();
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "timeouts": { "script": PATIENCE.as_millis() },
        });
        let driver = WebDriver::start(&chromedriver.url(), capabilities).await;
        let driver =
            driver.unwrap_or_else(|error| panic!("Chromium does not start: {error}. {HOW_TO_INSTALL}"));
        Self { driver, origin: gate.origin().to_owned(), _chromedriver: chromedriver, _profile: profile }
    }

    /// Opens a page in a new tab.
    pub(crate) async fn tab(&self, path: &str) -> Tab {
        Tab::open(self.driver.clone(), &format!("{}{path}", self.origin)).await
    }

    /// Quits the browser. Without this call it is killed when dropped.
    pub(crate) async fn quit(self) {
        self.driver.quit().await;
    }
}

const ARGUMENTS: [&str; 6] = [
    "--headless=new",
    // The sandbox does not work as root, and needs privileges that containers do not have. Only pages of the tests are opened.
    "--no-sandbox",
    // Containers have little shared memory.
    "--disable-dev-shm-usage",
    "--disable-gpu",
    // Nothing but loopback: neither the browser's own services nor a proxy can be reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
];
