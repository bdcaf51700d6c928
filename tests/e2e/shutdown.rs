//! Signals: a node finishes its requests and exits.

use std::time::Duration;

use handstamp_testkit::{NodeProcess, PATIENCE, RedisServer};
use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{Browser, loads, node, records, until};

#[tokio::test]
async fn a_terminated_node_finishes_its_requests_and_exits_successfully() {
    let redis = RedisServer::start().await;
    let (entrance, mut node) = tokio::join!(node(&redis, "entrance"), node(&redis, "node-1"));
    let browser = Browser::logged_in(&entrance, "ada").await;
    redis.log_commands();
    let slow = browser.request(Method::POST, &node.base_url(), "/visits?hold_ms=1500");
    let slow = tokio::spawn(slow.send());
    until("the request is in progress", async || loads(&redis) > 0).await;
    let status = node.terminate(PATIENCE).await;
    assert!(status.success(), "{status}:\n{}", node.output());
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    let record = redis.get(&records(&redis)[0]).unwrap();
    assert!(String::from_utf8_lossy(&record).contains("visits\u{1}"), "the visit is saved");
    let mut entrance = entrance;
    entrance.terminate(PATIENCE).await;
    until("its connections are closed", async || redis.clients("normal") + redis.clients("pubsub") == 0)
        .await;
}

#[tokio::test]
async fn a_terminated_node_reports_not_ready_before_it_closes() {
    let redis = RedisServer::start().await;
    loop {
        let mut node = node(&redis, "node-1").await;
        let probes = probe(&node);
        node.terminate(PATIENCE).await;
        // If this process was not scheduled in time to probe, the result is unknown.
        if let Some(reported) = probes.await.unwrap() {
            return assert!(reported, "the node was ready until it closed");
        }
    }
}

/// Probes a node until it is not ready or closed. Returns whether it reported that it was not ready, or `None` if it was not probed
/// shortly before it closed.
fn probe(node: &NodeProcess) -> JoinHandle<Option<bool>> {
    /// A node reports that it is not ready this long before it closes.
    const NOTICE: Duration = Duration::from_millis(500);
    let (probe, base_url) = (Browser::new(), node.base_url());
    tokio::spawn(async move {
        let mut ready: Option<Instant> = None;
        loop {
            let sent = Instant::now();
            match probe.request(Method::GET, &base_url, "/health/ready").send().await {
                Ok(response) if response.status() == StatusCode::OK => ready = Some(sent),
                Ok(_) => return Some(true),
                Err(_) => return ready.filter(|ready| ready.elapsed() < NOTICE).map(|_| false),
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
