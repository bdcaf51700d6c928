//! The health routes, and what probes cost.

use handstamp_testkit::{RedisServer, ServerOptions};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Browser, CACHED_FOR_LONG, node_with, until};

#[tokio::test]
async fn health_follows_redis() {
    let options = ServerOptions { append_only: true, ..ServerOptions::default() };
    let mut redis = RedisServer::start_with(options).await;
    // Cached sessions cover an outage until they expire.
    let node = node_with(&redis, &[("LOCAL_CACHE_TTL", "3s"), ("LOCAL_CACHE_MAX_STALENESS", "1m")]).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    let response = browser.get(&node, "/health").await;
    assert_eq!(response.status(), StatusCode::OK);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body, json!({ "status": "ok", "redis": true, "coordinator_running": true, "cache_size": 1 }));
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(browser.get(&node, path).await.status(), StatusCode::OK, "{path}");
    }

    redis.kill();
    until("the outage is detected", async || browser.get(&node, "/health").await.status() != StatusCode::OK)
        .await;
    let response = browser.get(&node, "/health").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = response.text().await.unwrap();
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(health.as_object().unwrap().len(), 4, "{body}");
    assert!(!body.contains("127.0.0.1") && !body.contains(&redis.port().to_string()), "{body}");
    until("it is not ready", async || browser.get(&node, "/health/ready").await.status() != StatusCode::OK)
        .await;
    assert_eq!(browser.get(&node, "/health/live").await.status(), StatusCode::OK);

    redis.restart().await;
    until("the node is healthy again", async || {
        browser.get(&node, "/health").await.status() == StatusCode::OK
    })
    .await;
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn probes_cost_redis_nothing_and_set_no_cookie() {
    let redis = RedisServer::start().await;
    // The node sends a fence every 15 seconds.
    let node = node_with(&redis, &CACHED_FOR_LONG).await;
    redis.reset_command_counts();
    let mut browser = Browser::new();
    for _ in 0..300 {
        for path in ["/health", "/health/live", "/health/ready"] {
            let response = browser.get(&node, path).await;
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert!(!response.headers().contains_key("set-cookie"));
        }
    }
    let calls: u64 = redis.command_counts().values().sum();
    assert!(calls < 300, "900 probes made {calls} commands");
}
