use std::time::Duration;

use handstamp_testkit::{NodeProcess, Proxy, RedisServer, ServerOptions};
use reqwest::StatusCode;

use crate::support::{
    Browser, CACHED_FOR_LONG, DEFAULT_BUDGETS, loads, node, node_with, records, reference_node, settings,
    settings_at, three_nodes, until, until_well,
};

async fn durable_redis() -> RedisServer {
    RedisServer::start_with(ServerOptions { append_only: true, ..ServerOptions::default() }).await
}

#[tokio::test]
async fn a_redis_that_dies_and_comes_back_logs_nobody_out() {
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
        let answer = browser.post(node, "/visits").await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "never 200 to a write");
        assert!(answer.headers().contains_key("retry-after"));
        let read = browser.status_of_me(node).await;
        assert!(matches!(read, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{read}");
        until("reads are refused", async || {
            browser.status_of_me(node).await == StatusCode::SERVICE_UNAVAILABLE
        })
        .await;
        assert_eq!(browser.get(node, "/plain").await.status(), StatusCode::OK);
        let login = browser.request(reqwest::Method::POST, &node.base_url(), "/login");
        let login = browser.clone().send(login.json(&serde_json::json!({ "username": "eve" }))).await;
        assert_eq!(login.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!login.headers().contains_key("set-cookie"));
    }
    assert_eq!(browser.cookie, cookie, "nobody took the cookie away");
    redis.restart().await;
    for node in &nodes {
        until("service is back", async || browser.status_of_me(node).await == StatusCode::OK).await;
        assert_eq!(browser.me(node).await["visits"], 3);
    }
    assert_eq!(browser.post(&nodes[1], "/visits").await.status(), StatusCode::OK);
    // The last message to this node may still be under way.
    until("it counts", async || browser.me(&nodes[2]).await["visits"] == 4).await;
}

#[tokio::test]
async fn what_the_cache_holds_can_be_read_in_an_outage_unless_that_is_refused() {
    let mut redis = durable_redis().await;
    let node = node_with(&redis, &CACHED_FOR_LONG).await;
    let strict = node_with(&redis, &[("SESSION_OUTAGE", "refuse")]).await;
    let mut browser = Browser::logged_in(&node, "ada").await;
    let mut strict_browser = browser.clone();
    strict_browser.me(&strict).await;
    redis.kill();
    until("the strict one refuses", async || {
        strict_browser.status_of_me(&strict).await == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    assert_eq!(browser.me(&node).await["username"], "ada");
    assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.me(&node).await["visits"], 0, "to have tried changes nothing");
    until("the node knows", async || browser.get(&node, "/health").await.status() != StatusCode::OK).await;
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK);
    until("the strict one knows", async || {
        strict_browser.get(&strict, "/health/ready").await.status() != StatusCode::OK
    })
    .await;
    redis.restart().await;
    until("writes are taken again", async || browser.post(&node, "/visits").await.status() == StatusCode::OK)
        .await;
    until("reads as well", async || strict_browser.status_of_me(&strict).await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_redis_that_hangs_holds_nobody_up() {
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
async fn a_node_starts_without_redis_and_works_as_soon_as_it_is_there() {
    let mut redis = durable_redis().await;
    redis.kill();
    let node = NodeProcess::start(reference_node(), settings(&redis, "node-1")).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        browser.status_of_me(&node).await,
        StatusCode::UNAUTHORIZED,
        "who has no cookie needs no Redis"
    );
    redis.restart().await;
    until("the node is ready", async || browser.get(&node, "/health").await.status() == StatusCode::OK).await;
    browser.login(&node, "ada").await;
    assert_eq!(browser.me(&node).await["username"], "ada");
}

#[tokio::test]
async fn a_wrong_password_is_an_outage_that_the_log_explains() {
    let options = ServerOptions { password: Some("right".to_owned()), ..ServerOptions::default() };
    let redis = RedisServer::start_with(options).await;
    let url = redis.url_as("default", "wr0ng-canary");
    let node = NodeProcess::start(reference_node(), settings_at(&url, "node-1")).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&node, "/health").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    until("the log says why", async || node.output().to_lowercase().contains("authentication")).await;
    assert!(!node.output().contains("wr0ng-canary"), "{}", node.output());
}

#[tokio::test]
async fn a_logout_that_redis_did_not_hear_of_is_made_up_for() {
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
        until("the session is over", async || thief.status_of_me(node).await == StatusCode::UNAUTHORIZED)
            .await;
    }
    assert!(records(&redis).is_empty());
}

#[tokio::test]
async fn lost_connections_are_found_again() {
    let redis = durable_redis().await;
    let nodes = three_nodes(&redis).await;
    let mut browser = Browser::logged_in(&nodes[0], "ada").await;
    for kind in ["pubsub", "normal"] {
        for node in &nodes {
            browser.me(node).await;
        }
        assert!(redis.kill_clients(kind) >= 3);
        for node in &nodes {
            assert_eq!(browser.post(node, "/visits").await.status(), StatusCode::OK, "{kind}: asked again");
        }
        for node in &nodes {
            until("the node is well", async || browser.get(node, "/health").await.status() == StatusCode::OK)
                .await;
            until("it serves", async || browser.status_of_me(node).await == StatusCode::OK).await;
        }
    }
    // The invalidations arrive as before.
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

/// K6.1: a Redis that is far away, with budgets to match.
#[tokio::test]
async fn k6_1_a_slow_redis_within_the_budgets_is_well_and_cached() {
    let redis = durable_redis().await;
    let proxy = Proxy::start(redis.port()).await;
    // Both ways: a reply takes 300 milliseconds.
    proxy.delay(Duration::from_millis(150));
    redis.log_commands();
    for transport in ["tracking", "pubsub"] {
        let mut settings = settings_at(&format!("redis://127.0.0.1:{}", proxy.port()), transport);
        settings.insert("REDIS_INVALIDATION", transport.to_owned());
        let node = NodeProcess::start(reference_node(), settings).await;
        until_well(&node).await;
        let mut browser = Browser::logged_in(&node, "ada").await;
        until("reads are served from the cache", async || {
            let before = loads(&redis);
            browser.me(&node).await;
            loads(&redis) == before
        })
        .await;
    }
}
