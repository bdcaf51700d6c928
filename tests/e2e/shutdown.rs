use std::time::Duration;

use handstamp_testkit::RedisServer;
use reqwest::{Method, StatusCode};

use crate::support::{Browser, node, until};

#[tokio::test]
async fn a_node_that_is_told_to_stop_finishes_its_requests_and_ends_well() {
    let redis = RedisServer::start().await;
    let mut node = node(&redis, "node-1").await;
    let browser = Browser::logged_in(&node, "ada").await;
    let base_url = node.base_url();
    let slow = tokio::spawn(browser.request(Method::POST, &base_url, "/visits?hold_ms=1500").send());
    until("the request is under way", async || redis.clients("normal") > 0).await;
    tokio::time::sleep(Duration::from_millis(200)).await;

    let probe = browser.clone();
    let readiness = tokio::spawn(async move {
        loop {
            match probe.request(Method::GET, &base_url, "/health/ready").send().await {
                Ok(answer) if answer.status() == StatusCode::OK => {}
                Ok(answer) => return Some(answer.status()),
                Err(_) => return None,
            }
        }
    });
    let status = node.terminate(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}:\n{}", node.output());
    assert_eq!(
        readiness.await.unwrap(),
        Some(StatusCode::SERVICE_UNAVAILABLE),
        "it is not ready before it closes"
    );
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    let record = redis.get(&redis.keys()[0]).unwrap();
    assert!(String::from_utf8_lossy(&record).contains("visits\u{1}"), "the visit is kept");
    until("its connections are closed", async || redis.clients("normal") + redis.clients("pubsub") == 0)
        .await;
}

#[tokio::test]
async fn a_node_stops_without_redis_too() {
    let mut redis = RedisServer::start().await;
    let mut node = node(&redis, "node-1").await;
    redis.kill();
    let status = node.terminate(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}:\n{}", node.output());
}
#[tokio::test]
async fn an_interrupt_ends_a_node_too() {
    let redis = RedisServer::start().await;
    let mut node = node(&redis, "node-1").await;
    let status = node.interrupt(Duration::from_secs(5)).await;
    assert!(status.success(), "{status}:\n{}", node.output());
}
