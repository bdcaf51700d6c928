//! Subscriptions end with their connections, and never quietly.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use handstamp_redis::{RedisBus, RedisConfig, RedisError, RedisSubscription};
use handstamp_store::{Bus, BusError, Shard, Store, Subscription};
use handstamp_testkit::{Direction, Proxy, RedisServer};
use tokio::time::timeout;

use crate::harness::{
    PATIENCE, cause, channel, config, connected, connected_by, tasks, until_clients_are, until_heard,
    until_tasks_are,
};

const SHORT: Duration = Duration::from_millis(100);

async fn subscribed(bus: &RedisBus) -> RedisSubscription {
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    subscription.fence().await.expect("fence");
    subscription
}

/// For many messages at a time.
fn patient(server: &RedisServer) -> RedisConfig {
    RedisConfig { command_timeout: PATIENCE, ..config(&server.url()) }
}

async fn lost(subscription: &mut RedisSubscription) -> BusError {
    let next = timeout(PATIENCE, subscription.next()).await;
    next.expect("the loss went unnoticed").expect_err("a loss")
}

#[tokio::test]
async fn a_dropped_subscription_leaves_nothing() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    bus.publish(Shard::ONLY, Bytes::new()).await.expect("publish");
    let before = tasks();
    let subscription = subscribed(&bus).await;
    until_clients_are(&server, "pubsub", 1).await;
    let fence = subscription.fence();
    drop(subscription);
    assert!(timeout(PATIENCE, fence).await.expect("the end").is_err());
    until_clients_are(&server, "pubsub", 0).await;
    until_tasks_are(before).await;
}

#[tokio::test]
async fn an_abandoned_attempt_leaves_nothing() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (_store, bus) = connected_by(config(&format!("redis://127.0.0.1:{}", proxy.port())));
    bus.publish(Shard::ONLY, Bytes::new()).await.expect("publish");
    let connections = server.clients("normal");
    proxy.delay(Duration::from_millis(10));
    for wait in [1, 30, 60, 90, 120, 150] {
        let attempt = timeout(Duration::from_millis(wait), bus.subscribe(Shard::ONLY)).await;
        drop(attempt);
        until_clients_are(&server, "pubsub", 0).await;
        until_clients_are(&server, "normal", connections).await;
    }
}

#[tokio::test]
async fn a_subscription_ends_with_its_connection() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    bus.publish(Shard::ONLY, "before".into()).await.expect("publish");
    until_heard(&mut subscription, b"before").await;
    assert_eq!(server.kill_clients("pubsub"), 1);
    lost(&mut subscription).await;
    // It does not come back to life.
    bus.publish(Shard::ONLY, "after".into()).await.expect("publish");
    lost(&mut subscription).await;
    assert!(timeout(PATIENCE, subscription.fence()).await.expect("the end").is_err());

    let mut subscription = subscribed(&bus).await;
    bus.publish(Shard::ONLY, "again".into()).await.expect("publish");
    until_heard(&mut subscription, b"again").await;
}

#[tokio::test]
async fn a_subscription_ends_with_the_server() {
    let mut server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    server.kill();
    lost(&mut subscription).await;
    server.restart().await;
    assert!(subscription.fence().await.is_err());
}

#[tokio::test]
async fn no_fence_passes_a_server_that_stands_still() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    let subscription = subscribed(&bus).await;
    server.pause();
    let fence = subscription.fence();
    tokio::pin!(fence);
    assert!(timeout(SHORT, &mut fence).await.is_err());
    server.resume();
    timeout(PATIENCE, fence).await.expect("in time").expect("fence");
}

#[tokio::test]
async fn no_fence_passes_a_network_that_carries_nothing() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (_store, bus) = connected_by(config(&format!("redis://127.0.0.1:{}", proxy.port())));
    for direction in [Direction::ToServer, Direction::ToClient] {
        let mut subscription = subscribed(&bus).await;
        proxy.silence(direction);
        server.publish(channel().as_str(), b"message");
        let fence = subscription.fence();
        tokio::pin!(fence);
        assert!(timeout(SHORT, &mut fence).await.is_err(), "{direction:?}");
        proxy.resume();
        timeout(PATIENCE, fence).await.expect("in time").expect("fence");
        let message = subscription.try_next().expect("a message").expect("a message");
        assert_eq!(message.message(), Some(&Bytes::from_static(b"message")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_covers_a_flood() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected_by(patient(&server));
    let mut subscription = subscribed(&bus).await;
    for round in 0..20_u32 {
        let publish = (0..500_u32).map(|index| bus.publish(Shard::ONLY, format!("{round}-{index}").into()));
        try_join_all(publish).await.expect("publish");
        subscription.fence().await.expect("fence");
        let heard: Result<Vec<_>, _> = std::iter::from_fn(|| subscription.try_next()).collect();
        assert_eq!(heard.expect("messages").len(), 500);
    }
}

#[tokio::test]
async fn whoever_is_too_slow_is_told() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected_by(patient(&server));
    let mut subscription = subscribed(&bus).await;
    for _ in 0..5 {
        let publish = (0..1_000).map(|_| bus.publish(Shard::ONLY, Bytes::new()));
        try_join_all(publish).await.expect("publish");
    }
    subscription.fence().await.expect("fence");
    let next = subscription.try_next().expect("a message or an error");
    let error = next.expect_err("a loss");
    assert_eq!(cause(&error), &RedisError::Lagged(5_000 - 4_096));
}

/// The next connection for commands may lead to another server.
#[tokio::test]
async fn a_subscription_ends_with_the_connection_for_commands() {
    let server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    store.check(Shard::ONLY).await.expect("check");
    let mut subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    assert_eq!(server.kill_clients("normal"), 1);
    let lost = timeout(PATIENCE, subscription.next()).await.expect("it is noticed");
    assert!(lost.is_err(), "{lost:?}");
}
