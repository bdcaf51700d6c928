use std::time::Duration;

use handstamp_testkit::{NodeProcess, PATIENCE, RedisServer};
use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{Browser, loads, node, records, until};

#[tokio::test]
async fn a_node_that_is_told_to_stop_finishes_its_requests_and_ends_well() {
    let redis = RedisServer::start().await;
    let (entrance, mut node) = tokio::join!(node(&redis, "entrance"), node(&redis, "node-1"));
    let browser = Browser::logged_in(&entrance, "ada").await;
    redis.log_commands();
    let slow = browser.request(Method::POST, &node.base_url(), "/visits?hold_ms=1500");
    let slow = tokio::spawn(slow.send());
    until("the request is under way", async || loads(&redis) > 0).await;
    let status = node.terminate(PATIENCE).await;
    assert!(status.success(), "{status}:\n{}", node.output());
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    let record = redis.get(&records(&redis)[0]).unwrap();
    assert!(String::from_utf8_lossy(&record).contains("visits\u{1}"), "the visit is kept");
    let mut entrance = entrance;
    entrance.terminate(PATIENCE).await;
    until("its connections are closed", async || redis.clients("normal") + redis.clients("pubsub") == 0)
        .await;
}

#[tokio::test]
async fn a_node_that_is_told_to_stop_says_that_it_is_not_ready_before_it_closes() {
    let redis = RedisServer::start().await;
    loop {
        let mut node = node(&redis, "node-1").await;
        let probes = probe(&node);
        node.terminate(PATIENCE).await;
        // If this process was not scheduled in time to ask, the result is unknown.
        if let Some(told) = probes.await.unwrap() {
            return assert!(told, "the node was ready until it closed");
        }
    }
}

/// Asks a node whether it is ready, until the answer is no or there is none. Returns whether there was such an answer, or
/// `None` if the node was not asked in the time before it closed.
fn probe(node: &NodeProcess) -> JoinHandle<Option<bool>> {
    /// How long before it closes a node says that it is not ready.
    const INVALIDATION: Duration = Duration::from_millis(500);
    let (probe, base_url) = (Browser::new(), node.base_url());
    tokio::spawn(async move {
        let mut ready: Option<Instant> = None;
        loop {
            let asked = Instant::now();
            match probe.request(Method::GET, &base_url, "/health/ready").send().await {
                Ok(answer) if answer.status() == StatusCode::OK => ready = Some(asked),
                Ok(_) => return Some(true),
                Err(_) => return ready.filter(|ready| ready.elapsed() < INVALIDATION).map(|_| false),
            }
        }
    })
}

#[tokio::test]
async fn a_node_stops_without_redis_too() {
    let mut redis = RedisServer::start().await;
    let mut node = node(&redis, "node-1").await;
    redis.kill();
    let status = node.terminate(PATIENCE).await;
    assert!(status.success(), "{status}:\n{}", node.output());
}

#[tokio::test]
async fn an_interrupt_ends_a_node_too() {
    let redis = RedisServer::start().await;
    let mut node = node(&redis, "node-1").await;
    let status = node.interrupt(PATIENCE).await;
    assert!(status.success(), "{status}:\n{}", node.output());
}
