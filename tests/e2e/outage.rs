//! One Redis server that fails, stalls or restarts. A primary with replicas fails in `failover`.

use std::time::Duration;

use handstamp_testkit::{NodeProcess, Proxy, RedisServer, ServerOptions};
use reqwest::StatusCode;

use crate::support::{
    Browser, CACHED_FOR_LONG, DEFAULT_BUDGETS, loads, node, node_with, records, reference_node, settings,
    settings_at, three_nodes, until, until_healthy,
};

async fn durable_redis() -> RedisServer {
    RedisServer::start_with(ServerOptions { append_only: true, ..ServerOptions::default() }).await
}

#[tokio::test]
async fn sessions_survive_a_restart_of_redis() {
    let mut redis = durable_redis().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(node_with(&redis, &[("LOCAL_CACHE_TTL", "3s")]).await);
    }
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for node in &nodes {
        browser.post(node, "/visits").await;
    }
    let cookie = browser.cookie.clone();
    redis.kill();
    for node in &nodes {
        let response = browser.post(node, "/visits").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "a write never gets 200");
        assert!(response.headers().contains_key("retry-after"));
        let read = browser.status_of_me(node).await;
        assert!(matches!(read, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{read}");
        until("reads fail", async || browser.status_of_me(node).await == StatusCode::SERVICE_UNAVAILABLE)
            .await;
        assert_eq!(browser.get(node, "/plain").await.status(), StatusCode::OK);
        let login = browser.request(reqwest::Method::POST, &node.base_url(), "/login");
        let login = browser.clone().send(login.json(&serde_json::json!({ "username": "eve" }))).await;
        assert_eq!(login.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!login.headers().contains_key("set-cookie"));
    }
    assert_eq!(browser.cookie, cookie, "the cookie is kept");
    redis.restart().await;
    for node in &nodes {
        until("service is back", async || browser.status_of_me(node).await == StatusCode::OK).await;
        assert_eq!(browser.me(node).await["visits"], 3);
    }
    assert_eq!(browser.post(&nodes[1], "/visits").await.status(), StatusCode::OK);
    // The last message to this node may not have arrived yet.
    until("the visit is counted", async || browser.me(&nodes[2]).await["visits"] == 4).await;
}

#[tokio::test]
async fn cached_sessions_can_be_read_in_an_outage_unless_the_policy_is_to_fail() {
    let mut redis = durable_redis().await;
    let node = node_with(&redis, &CACHED_FOR_LONG).await;
    let strict = node_with(&redis, &[("SESSION_OUTAGE", "fail")]).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    let mut strict_browser = browser.clone();
    strict_browser.me(&strict).await;
    redis.kill();
    until("reads of the strict node fail", async || {
        strict_browser.status_of_me(&strict).await == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    assert_eq!(browser.me(&node).await["username"], "ada");
    assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.me(&node).await["visits"], 0, "a failed write changes nothing");
    until("the node has detected the outage", async || {
        browser.get(&node, "/health").await.status() != StatusCode::OK
    })
    .await;
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK);
    until("the strict node has detected the outage", async || {
        strict_browser.get(&strict, "/health/ready").await.status() != StatusCode::OK
    })
    .await;
    redis.restart().await;
    until("writes are accepted again", async || {
        browser.post(&node, "/visits").await.status() == StatusCode::OK
    })
    .await;
    until("the strict node serves reads again", async || {
        strict_browser.status_of_me(&strict).await == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn no_request_waits_for_a_suspended_redis() {
    let redis = durable_redis().await;
    let patient = node(&redis, "node-1").await;
    let uncached = [&DEFAULT_BUDGETS[..], &[("LOCAL_CACHE_MAX_SIZE", "0")]].concat();
    let node = node_with(&redis, &uncached).await;
    let mut browser = Browser::logged_in(&patient, "ada").await;
    redis.pause();
    for _ in 0..3 {
        assert_eq!(browser.status_of_me(&node).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    redis.resume();
    until("service is back", async || browser.status_of_me(&node).await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_node_starts_without_redis_and_works_once_it_is_available() {
    let mut redis = durable_redis().await;
    redis.kill();
    let node = NodeProcess::start(reference_node(), settings(&redis, "node-1")).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        browser.status_of_me(&node).await,
        StatusCode::UNAUTHORIZED,
        "a visitor without a cookie needs no Redis"
    );
    redis.restart().await;
    until("the node is ready", async || browser.get(&node, "/health").await.status() == StatusCode::OK).await;
    browser.login(&node, "ada").await;
    assert_eq!(browser.me(&node).await["username"], "ada");
}

#[tokio::test]
async fn a_wrong_password_is_an_outage_and_is_logged() {
    let options = ServerOptions { password: Some("right".to_owned()), ..ServerOptions::default() };
    let redis = RedisServer::start_with(options).await;
    let url = redis.url_as("default", "wr0ng-canary");
    let node = NodeProcess::start(reference_node(), settings_at(&url, "node-1")).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&node, "/health").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    until("the reason is logged", async || node.output().to_lowercase().contains("authentication")).await;
    assert!(!node.output().contains("wr0ng-canary"), "{}", node.output());
}

#[tokio::test]
async fn a_logout_that_did_not_reach_redis_is_repeated() {
    let redis = durable_redis().await;
    let nodes = three_nodes(&redis).await;
    let hasty = node_with(&redis, &DEFAULT_BUDGETS).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    let mut thief = browser.clone();
    redis.pause();
    assert_eq!(browser.post(&hasty, "/logout").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.cookie, None);
    redis.resume();
    for node in &nodes {
        until("the session has ended", async || thief.status_of_me(node).await == StatusCode::UNAUTHORIZED)
            .await;
    }
    assert!(records(&redis).is_empty());
}

#[tokio::test]
async fn lost_connections_are_replaced() {
    let redis = durable_redis().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for kind in ["pubsub", "normal"] {
        for node in &nodes {
            browser.me(node).await;
        }
        assert!(redis.kill_clients(kind) >= 3);
        for node in &nodes {
            assert_eq!(
                browser.post(node, "/visits").await.status(),
                StatusCode::OK,
                "{kind}: the command is repeated"
            );
        }
        for node in &nodes {
            until("the node is healthy", async || {
                browser.get(node, "/health").await.status() == StatusCode::OK
            })
            .await;
            until("it serves", async || browser.status_of_me(node).await == StatusCode::OK).await;
        }
    }
    // Invalidations arrive as before.
    let mut thief = browser.clone();
    for node in &nodes {
        thief.me(node).await;
    }
    browser.post(&nodes[0], "/logout").await;
    for node in &nodes {
        until("the logout arrives", async || thief.status_of_me(node).await == StatusCode::UNAUTHORIZED)
            .await;
    }
}

/// K6.1: a distant Redis, with sufficient budgets.
#[tokio::test]
async fn k6_1_with_a_slow_redis_within_the_budgets_nodes_are_healthy_and_cache() {
    let redis = durable_redis().await;
    let proxy = Proxy::start(redis.port()).await;
    // In both directions: a reply takes 300 milliseconds.
    proxy.delay(Duration::from_millis(150));
    redis.log_commands();
    for transport in ["tracking", "pubsub"] {
        let mut settings = settings_at(&format!("redis://127.0.0.1:{}", proxy.port()), transport);
        settings.insert("REDIS_INVALIDATION", transport.to_owned());
        let node = NodeProcess::start(reference_node(), settings).await;
        until_healthy(&node).await;
        let mut browser = Browser::logged_in(&node, "ada").await;
        until("reads are served from the cache", async || {
            let before = loads(&redis);
            browser.me(&node).await;
            loads(&redis) == before
        })
        .await;
    }
}
