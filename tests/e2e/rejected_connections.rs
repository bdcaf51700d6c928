//! Servers that reject a connection.

use futures_util::future::join_all;
use handstamp_testkit::{NodeProcess, PATIENCE, RedisServer, ReservedPort, ServerOptions};
use reqwest::StatusCode;
use tokio::time::timeout;

use crate::support::{
    Browser, PASSWORD, USER, node, permit, reference_node, repeated_warnings, settings_at, until, warnings,
};

/// K6.4: requests get 503 at once, and the reason is logged once.
#[tokio::test]
async fn k6_4_a_rejected_connection_is_503_at_once_and_logged_once() {
    let options = ServerOptions::default;
    let (server, locked, secure, full) = tokio::join!(
        RedisServer::start(),
        RedisServer::start_with(ServerOptions { password: Some("right".to_owned()), ..options() }),
        RedisServer::start_with(ServerOptions { tls: true, ..options() }),
        RedisServer::start(),
    );
    permit(&server, &["+ping"]);
    let entrance = node(&server, "entrance").await;
    let browser = Browser::logged_in(&entrance, "ada").await;
    // With this connection, the server has no room for another client.
    let _client = handstamp_testkit::redis::Client::open(full.url()).unwrap().get_connection().unwrap();
    full.command(&["CONFIG", "SET", "maxclients", "1"]);
    let unused = ReservedPort::any();
    let at = |host: &str, port: u16| format!("redis://{host}:{port}");
    join_all(
        [
            (format!("{}/99", server.url()), "it has no database of this number"),
            (server.url_as("unknown", "wrong"), "does not accept the user or the password"),
            (server.url_as(USER, PASSWORD), "no permission for this command, key or channel (ping)"),
            (at("127.0.0.1", locked.port()), "the server requires a password"),
            (full.url(), "it has no room for another client"),
            (at("127.0.0.1", secure.port()), "no connection to the server"),
            (at("127.0.0.1", unused.number()), "Connection refused"),
            (at("no-such-host.invalid", 6_379), "no connection to the server"),
            (at("127.0.0.1", entrance.port()), "the server"),
            (format!("rediss://localhost:{}", server.port()), "it does not reply, at least not to TLS"),
        ]
        .map(async |(url, logged)| {
            let mut browser = browser.clone();
            let mut settings = settings_at(&url, "node");
            // So long that a request that waits for one of these budgets fails the test. But where the server never finishes the TLS
            // handshake, a connection attempt takes as long as a budget.
            let budget = if url.starts_with("rediss") { "250ms" } else { "1m" };
            settings
                .extend(["SESSION_LOAD_BUDGET", "SESSION_SAVE_BUDGET"].map(|name| (name, budget.to_owned())));
            let node = NodeProcess::start(reference_node(), settings).await;
            until("attempts go on", async || node.output().matches("still cannot connect").count() > 2).await;
            let requests = async {
                for _ in 0..3 {
                    assert_eq!(browser.status_of_me(&node).await, StatusCode::SERVICE_UNAVAILABLE, "{url}");
                    assert_eq!(
                        browser.post(&node, "/visits").await.status(),
                        StatusCode::SERVICE_UNAVAILABLE
                    );
                }
            };
            timeout(PATIENCE / 2, requests).await.expect("no request waits for its budget");
            for path in ["/health", "/health/ready"] {
                assert_eq!(browser.get(&node, path).await.status(), StatusCode::SERVICE_UNAVAILABLE);
            }
            assert_eq!(browser.get(&node, "/health/live").await.status(), StatusCode::OK);
            // On a busy machine, the first attempt may fail for another reason.
            until(logged, async || warnings(&node).iter().any(|line| line.contains(logged))).await;
            assert_eq!(repeated_warnings(&node), Vec::<String>::new(), "{url}");
        }),
    )
    .await;
}
