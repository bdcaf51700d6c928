//! Subscriptions end with their connections, and never quietly.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use handstamp_redis::{RedisBus, RedisError, RedisSubscription};
use handstamp_store::{Bus, BusError, Records, Shard, StoreError, Subscription, Topology};
use handstamp_testkit::{Direction, Proxy, RedisServer, eventually, free_port};
use tokio::time::timeout;

use crate::harness::{
    PATIENCE, cause, channel, config, connected, connected_by, created, short_limits, tasks, through,
    until_clients_are, until_it_serves, until_received, until_tasks_are,
};

const SHORT: Duration = Duration::from_millis(100);

async fn subscribed(bus: &RedisBus) -> RedisSubscription {
    let subscription = bus.subscribe(Shard::ONLY).await.expect("subscribe");
    subscription.fence().await.expect("fence");
    subscription
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
    let (_store, bus) = connected_by(config(&through(&proxy)));
    bus.publish(Shard::ONLY, Bytes::new()).await.expect("publish");
    let connections = server.clients_named("handstamp").len();
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
    until_received(&mut subscription, b"before").await;
    assert_eq!(server.kill_clients("pubsub"), 1);
    lost(&mut subscription).await;
    // It does not come back to life.
    bus.publish(Shard::ONLY, "after".into()).await.expect("publish");
    lost(&mut subscription).await;
    assert!(timeout(PATIENCE, subscription.fence()).await.expect("the end").is_err());

    let mut subscription = subscribed(&bus).await;
    bus.publish(Shard::ONLY, "again".into()).await.expect("publish");
    until_received(&mut subscription, b"again").await;
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
async fn no_fence_passes_a_stalled_server() {
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
    let (_store, bus) = connected_by(config(&through(&proxy)));
    for direction in [Direction::ToServer, Direction::ToClient] {
        let mut subscription = subscribed(&bus).await;
        proxy.block(direction);
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
    let (_store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    for round in 0..20_u32 {
        let publish = (0..500_u32).map(|index| bus.publish(Shard::ONLY, format!("{round}-{index}").into()));
        try_join_all(publish).await.expect("publish");
        subscription.fence().await.expect("fence");
        let received: Result<Vec<_>, _> = std::iter::from_fn(|| subscription.try_next()).collect();
        assert_eq!(received.expect("messages").len(), 500);
    }
}

#[tokio::test]
async fn a_listener_that_is_too_slow_gets_an_error() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    publish_at_once(&server, 33_000);
    subscription.fence().await.expect("fence");
    let next = subscription.try_next().expect("a message or an error");
    let error = next.expect_err("a loss");
    assert_eq!(cause(&error), &RedisError::Lagged(33_000 - 32_768));
}

/// K9, F10: more messages than are taken while they arrive.
#[tokio::test]
async fn k9_f10_a_burst_of_messages_is_no_loss() {
    let server = RedisServer::start().await;
    let (_store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    for _ in 0..8 {
        publish_at_once(&server, 20_000);
        subscription.fence().await.expect("fence");
        let received: Result<Vec<_>, _> = std::iter::from_fn(|| subscription.try_next()).collect();
        assert_eq!(received.expect("messages").len(), 20_000);
    }
}

fn publish_at_once(server: &RedisServer, count: usize) {
    let script = "for _ = 1, ARGV[2] do redis.call('PUBLISH', ARGV[1], 'xxxxxxxx') end";
    server.command(&["EVAL", script, "0", channel().as_str(), &count.to_string()]);
}

/// K6.2: a connection for commands that was replaced is no gap where both lead to the same run of the server.
#[tokio::test]
async fn k6_2_a_subscription_outlives_the_connection_for_commands() {
    let server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    for _ in 0..3 {
        let before = server.clients_named("handstamp:commands");
        assert_eq!(before.len(), 1);
        assert!(server.kill_clients("normal") >= 1);
        eventually("another connection", PATIENCE, async || {
            store.ping_primary(Shard::ONLY).await.map_err(|error| error.to_string())?;
            match server.clients_named("handstamp:commands") {
                after if after == before => Err("it is the same".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
        assert!(subscription.try_next().is_none());
        subscription.fence().await.expect("fence");
        bus.publish(Shard::ONLY, "after".into()).await.expect("publish");
        until_received(&mut subscription, b"after").await;
    }
}

/// K6.2: a stall costs no connection and no subscription.
#[tokio::test]
async fn k6_2_a_stall_ends_no_subscription() {
    let server = RedisServer::start().await;
    let (store, bus) = connected_by(short_limits(&server.url()));
    until_it_serves(&store).await;
    let mut subscription =
        eventually("a subscription", PATIENCE, async || bus.subscribe(Shard::ONLY).await).await;
    let before = server.clients_named("handstamp:commands");
    server.pause();
    let fence = subscription.fence();
    eventually("checks are not waited for", PATIENCE, async || {
        match store.ping_primary(Shard::ONLY).await.expect_err("no reply") {
            StoreError::Unavailable(_) => Ok(()),
            error => Err(error),
        }
    })
    .await;
    server.resume();
    timeout(PATIENCE, fence).await.expect("in time").expect("the fence is late, and a fence");
    until_it_serves(&store).await;
    assert_eq!(server.clients_named("handstamp:commands"), before);
    server.publish(channel().as_str(), b"after");
    until_received(&mut subscription, b"after").await;
}

/// Once commands go to another server, the messages of the subscription prove nothing.
async fn ended(subscription: &mut RedisSubscription) {
    assert_eq!(cause(&lost(subscription).await), &RedisError::DifferentServer);
    let next = subscription.try_next().expect("an error").expect_err("an error");
    assert_eq!(cause(&next), &RedisError::DifferentServer);
    assert_eq!(cause(&subscription.fence().await.expect_err("no fence")), &RedisError::DifferentServer);
}

/// K6.2: the old server is alive, and its subscribers stay connected; but commands go to another one.
#[tokio::test]
async fn k6_2_a_subscription_ends_when_commands_go_to_another_server() {
    let [one, other] = [RedisServer::start().await, RedisServer::start().await];
    let proxy = Proxy::start(one.port()).await;
    let (store, bus) = connected_by(config(&through(&proxy)));
    let mut subscription = subscribed(&bus).await;
    let record = created(&store).await;
    proxy.redirect(other.port());
    let fence = subscription.fence();
    one.kill_clients("normal");
    eventually("commands go to the other server", PATIENCE, async || {
        let loaded = store.load(record.key()).await.map_err(|error| error.to_string())?;
        if loaded.is_none() { Ok(()) } else { Err("it is the old one".to_owned()) }
    })
    .await;
    // The fence was sent before, and proves nothing now, although the old server has replied.
    assert!(fence.await.is_err());
    assert_eq!(one.clients("pubsub"), 1, "it is connected still");
    ended(&mut subscription).await;
    subscribed(&bus).await;
}

/// K6.2, L2: no flood of messages hides that.
#[tokio::test]
async fn k6_2_messages_do_not_hide_that_commands_go_elsewhere() {
    let [one, other] = [RedisServer::start().await, RedisServer::start().await];
    let proxy = Proxy::start(one.port()).await;
    let (store, bus) = connected_by(config(&through(&proxy)));
    let mut subscription = subscribed(&bus).await;
    let record = created(&store).await;
    for _ in 0..100 {
        one.publish(channel().as_str(), b"message");
    }
    subscription.fence().await.expect("all of them are there to be taken");
    assert!(subscription.next().await.expect("a message").message().is_some());
    proxy.redirect(other.port());
    one.kill_clients("normal");
    eventually("commands go to the other server", PATIENCE, async || {
        let loaded = store.load(record.key()).await.map_err(|error| error.to_string())?;
        if loaded.is_none() { Ok(()) } else { Err("it is the old one".to_owned()) }
    })
    .await;
    let next = subscription.next().await.expect_err("the end");
    assert_eq!(cause(&next), &RedisError::DifferentServer);
}

/// K6.2: the server is the same, but there may have been another primary meanwhile.
#[tokio::test]
async fn k6_2_a_subscription_ends_when_its_server_was_no_primary_meanwhile() {
    let server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    // No command is sent in between, so that only the new connection can detect it.
    server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    server.kill_clients("normal");
    until_it_serves(&store).await;
    ended(&mut subscription).await;

    let mut subscription = subscribed(&bus).await;
    server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let error = store.ping_primary(Shard::ONLY).await.expect_err("a replica");
    assert_eq!(cause(&error), &RedisError::NotPrimary);
    server.command(&["REPLICAOF", "NO", "ONE"]);
    ended(&mut subscription).await;
}

#[tokio::test]
async fn a_restarted_server_ends_the_subscription() {
    let mut server = RedisServer::start().await;
    let (store, bus) = connected(&server);
    let mut subscription = subscribed(&bus).await;
    server.restart().await;
    lost(&mut subscription).await;
    until_it_serves(&store).await;
    subscribed(&bus).await;
}

/// K6.2: the messages of a subscription to another server prove nothing about commands.
#[tokio::test]
async fn k6_2_a_subscription_to_another_server_is_an_error() {
    let [one, other] = [RedisServer::start().await, RedisServer::start().await];
    let proxy = Proxy::start(one.port()).await;
    let (store, bus) = connected_by(config(&through(&proxy)));
    until_it_serves(&store).await;
    proxy.redirect(other.port());
    let error = bus.subscribe(Shard::ONLY).await.expect_err("it would listen to the other");
    assert_eq!(cause(&error), &RedisError::DifferentServer);
    until_clients_are(&other, "pubsub", 0).await;
    proxy.redirect(one.port());
    subscribed(&bus).await;
}
