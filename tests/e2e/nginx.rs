//! The `nginx.conf` of this repository in front of real nodes.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use handstamp_testkit::{NodeProcess, RedisServer, ReservedPort};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;

use crate::support::{Browser, three_nodes, until};

/// A real nginx with the repository's configuration, in front of these nodes.
struct Nginx {
    process: Child,
    base_url: String,
    _port: ReservedPort,
    _dir: TempDir,
}

impl Nginx {
    fn in_front_of(nodes: &[NodeProcess; 3]) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nginx.conf");
        let mut config = std::fs::read_to_string(path).expect("nginx.conf");
        let port = ReservedPort::any();
        let replacements = [
            ("listen 80;", format!("listen 127.0.0.1:{};", port.number())),
            ("node-1:3000", format!("127.0.0.1:{}", nodes[0].port())),
            ("node-2:3000", format!("127.0.0.1:{}", nodes[1].port())),
            ("node-3:3000", format!("127.0.0.1:{}", nodes[2].port())),
            // Longer limits, because a node on a busy machine is slow.
            ("proxy_connect_timeout 1s;", "proxy_connect_timeout 60s;".to_owned()),
            ("proxy_next_upstream_timeout 5s;", "proxy_next_upstream_timeout 60s;".to_owned()),
        ];
        for (from, to) in replacements {
            let count = config
                .lines()
                .filter(|line| !line.trim_start().starts_with('#') && line.contains(from))
                .count();
            assert_eq!(count, 1, "nginx.conf contains `{from}` once");
            config = config.replace(from, &to);
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("nginx.conf");
        std::fs::write(&path, config).expect("write");
        let process = Command::new("nginx")
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(&path)
            .args(["-e", "stderr", "-g", "daemon off;"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run nginx: {error}. Install it with `cargo xtask setup`"));
        let base_url = format!("http://127.0.0.1:{}", port.number());
        Self { process, base_url, _port: port, _dir: dir }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that it ends its workers too.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn no_request_fails_when_a_node_dies() {
    let redis = RedisServer::start().await;
    let mut nodes = three_nodes(&redis).await;
    let nginx = Nginx::in_front_of(&nodes);
    let mut browser = Browser::new();
    until("nginx serves", async || {
        browser.request(Method::GET, &nginx.base_url, "/plain").send().await.is_ok()
    })
    .await;

    let login = browser
        .request(Method::POST, &nginx.base_url, "/login")
        .json(&serde_json::json!({ "username": "ada" }));
    assert_eq!(browser.send(login.header("origin", &nginx.base_url)).await.status(), StatusCode::OK);
    let mut seen = std::collections::BTreeSet::new();
    let mut visits = 0;
    let mut visit = async |browser: &mut Browser| {
        let response = browser.send(browser.request(Method::POST, &nginx.base_url, "/visits")).await;
        assert_eq!(response.status(), StatusCode::OK);
        visits += 1;
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["visits"], visits);
        body["node"].as_str().unwrap().to_owned()
    };
    for _ in 0..30 {
        seen.insert(visit(&mut browser).await);
    }
    assert_eq!(seen.len(), 3, "all nodes take part: {seen:?}");
    nodes[1].kill();
    for _ in 0..60 {
        assert_ne!(visit(&mut browser).await, "node-2");
    }
    let response = browser.send(browser.request(Method::POST, &nginx.base_url, "/logout")).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}
