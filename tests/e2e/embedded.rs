//! `cluster-node --nodes 3`: the first command in the README.

use std::process::Stdio;

use handstamp_testkit::ReservedPort;
use reqwest::{Method, StatusCode};
use tokio::process::Command;

use crate::support::{Browser, reference_node, until};

#[tokio::test]
async fn three_nodes_in_one_process_share_their_sessions_without_redis() {
    // The nodes listen on the ports after the first.
    let [port, first, second, third] = ReservedPort::consecutive();
    let _process = Command::new(reference_node())
        .args(["--nodes", "3"])
        .env_clear()
        .env("PORT", port.number().to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let urls = [&first, &second, &third].map(|port| format!("http://127.0.0.1:{}", port.number()));
    let mut browser = Browser::new();
    for url in &urls {
        until("the node serves", async || {
            browser
                .request(Method::GET, url, "/health")
                .send()
                .await
                .is_ok_and(|response| response.status() == StatusCode::OK)
        })
        .await;
    }

    let login =
        browser.request(Method::POST, &urls[0], "/login").json(&serde_json::json!({ "username": "ada" }));
    assert_eq!(browser.send(login).await.status(), StatusCode::OK);
    for (number, url) in (1..).zip(&urls) {
        let me: serde_json::Value =
            browser.send(browser.request(Method::GET, url, "/me")).await.json().await.unwrap();
        assert_eq!(me["node"], format!("node-{number}"));
    }
    let mut thief = browser.clone();
    assert_eq!(
        browser.send(browser.request(Method::POST, &urls[1], "/logout")).await.status(),
        StatusCode::NO_CONTENT
    );
    for url in &urls {
        until("the logout arrives", async || {
            thief.send(thief.request(Method::GET, url, "/me")).await.status() == StatusCode::UNAUTHORIZED
        })
        .await;
    }
}
