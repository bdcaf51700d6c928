//! The server is down, stalls, comes back.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use handstamp_core::record::{Entry, Record};
use handstamp_redis::{CircuitState, RedisError};
use handstamp_store::{Bus, Records, Shard, Store, StoreError, Stored, Subscription, Topology};
use handstamp_testkit::{Direction, Proxy, RedisServer, ServerOptions, eventually, sealed};
use tokio::time::timeout;

use crate::harness::{
    PATIENCE, TTL, at_once, cause, config, connected, connected_by, created, record, short_limits, tasks,
    through, until_clients_are, until_it_serves, until_tasks_are,
};

/// A limit that is meant to be reached.
const SHORT: Duration = Duration::from_millis(300);

async fn append_only() -> RedisServer {
    RedisServer::start_with(ServerOptions { append_only: true, ..ServerOptions::default() }).await
}

/// Waits for the record to be served again.
async fn until_loaded(store: &impl Store, record: &Entry) {
    let stored: Stored = eventually("the record is served again", PATIENCE, async || {
        let loaded = store.load(record.key()).await;
        loaded.map(|stored| stored.expect("a record that is lost"))
    })
    .await;
    assert_eq!(&stored.entry, record);
}

/// Loads until they fail at once, because the server is known not to reply.
async fn until_known_to_be_unresponsive(store: &impl Store, record: &Entry) {
    eventually("loads are not waited for", PATIENCE, async || {
        let error = store.load(record.key()).await.expect_err("no reply");
        assert!(error.is_outage(), "{error:?}");
        match error {
            StoreError::Rejected(_) | StoreError::Unavailable(_) => Ok(()),
            error => Err(error),
        }
    })
    .await;
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut server = append_only().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    for _ in 0..3 {
        server.kill();
        let errors = at_once(join_all((0..100).map(|_| store.load(record.key())))).await;
        for error in errors {
            assert!(matches!(&error, Err(error) if error.is_outage()), "{error:?}");
        }
        server.restart().await;
        until_loaded(&store, &record).await;
    }
}

#[tokio::test]
async fn the_server_may_come_later() {
    let mut server = RedisServer::start().await;
    server.kill();
    let (store, bus) = connected(&server);
    let error = at_once(store.ping_primary(Shard::ONLY)).await.expect_err("no server");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(at_once(bus.subscribe(Shard::ONLY)).await.is_err());
    assert!(at_once(bus.publish(Shard::ONLY, Bytes::new())).await.is_err());
    server.restart().await;
    until_it_serves(&store).await;
    bus.subscribe(Shard::ONLY).await.expect("subscribe");
}

#[tokio::test]
async fn a_stalled_server_is_not_waited_for() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(short_limits(&server.url()));
    let record = created(&store).await;
    server.pause();
    until_known_to_be_unresponsive(&store, &record).await;
    server.resume();
    until_loaded(&store, &record).await;
}

/// With a socket that takes nothing any more, the task that writes to it is stuck.
#[tokio::test]
async fn a_full_socket_does_not_outlive_the_pause() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(short_limits(&server.url()));
    let small = created(&store).await;
    let large = sealed(&Record { payload: vec![7; 1 << 20].into(), ..handstamp_testkit::record() });
    server.pause();
    for result in join_all((0..20).map(|_| store.create(&large, TTL))).await {
        assert!(result.is_err(), "{result:?}");
    }
    server.resume();
    until_loaded(&store, &small).await;
}

#[tokio::test]
async fn a_network_that_went_silent_is_outlasted() {
    let server = RedisServer::start().await;
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let proxy = Proxy::start(server.port()).await;
        let (store, _bus) = connected_by(short_limits(&through(&proxy)));
        let record = created(&store).await;
        proxy.block(direction);
        until_known_to_be_unresponsive(&store, &record).await;
        proxy.resume();
        until_loaded(&store, &record).await;
    }
}

/// K6.2: a stalled server replies on no connection, and later on the connections that it has.
#[tokio::test]
async fn k6_2_a_stall_costs_no_connection() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(short_limits(&server.url()));
    let record = created(&store).await;
    let before = server.clients_named("handstamp:commands");
    for _ in 0..3 {
        server.pause();
        until_known_to_be_unresponsive(&store, &record).await;
        server.resume();
        until_loaded(&store, &record).await;
        assert_eq!(server.clients_named("handstamp:commands"), before);
    }
}

/// K6.2: a connection that is dead, while the server replies on others.
#[tokio::test]
async fn k6_2_a_dead_connection_is_replaced() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let (store, _bus) = connected_by(short_limits(&through(&proxy)));
    let record = created(&store).await;
    for _ in 0..3 {
        let before = server.clients_named("handstamp:commands");
        proxy.block_open_connections();
        until_loaded(&store, &record).await;
        let now = server.clients_named("handstamp:commands");
        assert!(now.last() > before.last(), "{before:?} {now:?}");
    }
}

/// K6.1: with a budget of two seconds, a server may take its time.
#[tokio::test]
async fn k6_1_a_slow_server_within_the_budget_is_served() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    // Both ways: a reply takes 300 milliseconds.
    proxy.delay(Duration::from_millis(150));
    let limit = Duration::from_millis(1_600);
    let (store, bus) = connected_by(
        short_limits(&through(&proxy))
            .with_load_timeout(limit)
            .with_save_timeout(limit)
            .with_connect_timeout(2 * limit),
    );
    let mut events = store.circuit_breakers().events();
    until_it_serves(&store).await;
    let record = created(&store).await;
    let commands = server.clients_named("handstamp:commands");
    for _ in 0..3 {
        join_all((0..10).map(|_| until_loaded(&store, &record))).await;
        until_it_serves(&store).await;
    }
    let subscription =
        eventually("a subscription", PATIENCE, async || bus.subscribe(Shard::ONLY).await).await;
    subscription.fence().await.expect("fence");
    assert!(events.try_recv().is_err() && !store.circuit_breakers().is_open());
    assert_eq!(server.clients_named("handstamp:commands"), commands, "it was never replaced");
}

/// K6.1: loads that are abandoned after a short budget count for the circuit breaker.
#[tokio::test]
async fn k6_1_abandoned_loads_open_the_circuit_however_short_their_budget() {
    let server = RedisServer::start().await;
    let limit = Duration::from_millis(120);
    let (store, _bus) = connected_by(config(&server.url()).with_load_timeout(limit));
    let record = created(&store).await;
    let mut events = store.circuit_breakers().events();
    server.pause();
    eventually("the circuit opens", PATIENCE, async || {
        // Later than half of the limit, and earlier than the limit.
        let _ = timeout(limit * 2 / 3, store.load(record.key())).await;
        match events.try_recv() {
            Ok(event) if event.state == CircuitState::Open => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

/// K6.1: a connection is probed before the long limit of a write has passed.
#[tokio::test]
async fn k6_1_a_dead_connection_is_found_by_half_the_limit_of_a_write() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.port()).await;
    let url = through(&proxy);
    let (store, _bus) = connected_by(short_limits(&url).with_save_timeout(Duration::from_secs(4)));
    let record = created(&store).await;
    proxy.block_open_connections();
    let error = at_once(store.touch(record.key(), TTL)).await.expect_err("no reply");
    // It would be a time-out if the limit had passed before.
    assert!(matches!(cause(&error), RedisError::Connection(_)), "{error:?}");
}

/// A reply after the limit is dropped, and not taken for the reply to a later command.
#[tokio::test]
async fn a_late_reply_costs_no_connection() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(config(&server.url()).with_save_timeout(SHORT));
    let record = created(&store).await;
    let before = server.clients_named("handstamp:commands");
    server.pause();
    let late = store.touch(record.key(), TTL).await;
    assert!(matches!(late, Err(StoreError::TimedOut)), "{late:?}");
    server.resume();
    until_loaded(&store, &record).await;
    assert_eq!(server.clients_named("handstamp:commands"), before);
}

#[tokio::test]
async fn a_broken_connection_is_reopened() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    for _ in 0..5 {
        server.kill_clients("normal");
        until_loaded(&store, &record).await;
    }
}

#[tokio::test]
async fn a_password_may_become_right() {
    let server = RedisServer::start().await;
    let users = |password: &str| {
        server.command(&[
            "ACL",
            "SETUSER",
            "app",
            "reset",
            "on",
            &format!(">{password}"),
            "~*",
            "&*",
            "+@all",
        ]);
    };
    users("old");
    let (store, _bus) = connected_by(config(&server.url_as("app", "new")));
    let error = store.ping_primary(Shard::ONLY).await.expect_err("a wrong password");
    assert_eq!(cause(&error), &RedisError::Authentication);
    users("new");
    until_it_serves(&store).await;
}

#[tokio::test]
async fn commands_beyond_the_limit_are_rejected_at_once() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(config(&server.url()).with_max_in_flight(8));
    let record = created(&store).await;
    server.pause();
    let mut loads: FuturesUnordered<_> = (0..20).map(|_| store.load(record.key())).collect();
    for _ in 0..12 {
        let error = at_once(loads.next()).await.expect("a load").expect_err("no reply");
        assert!(matches!(error, StoreError::Rejected(_)), "{error:?}");
        assert_eq!(cause(&error), &RedisError::Busy);
    }
    server.resume();
    for _ in 0..8 {
        assert!(loads.next().await.expect("a load").expect("it was let through").is_some());
    }
}

/// A node that cannot prove that its cache is up to date would send even more.
#[tokio::test]
async fn a_check_gets_through_however_many_commands_wait() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(config(&server.url()).with_max_in_flight(0));
    store.ping_primary(Shard::ONLY).await.expect("check");
    let error = store.load(record().key()).await.expect_err("there is no room");
    assert_eq!(cause(&error), &RedisError::Busy);
}

#[tokio::test]
async fn cancelled_calls_leave_no_trace() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(config(&server.url()).with_max_in_flight(100));
    let record = created(&store).await;
    for _ in 0..1_000 {
        let load = store.load(record.key());
        let _ = timeout(Duration::ZERO, load).await;
    }
    let stored = store.load(record.key()).await.expect("load").expect("a record");
    assert_eq!(stored.entry, record);
}

#[tokio::test]
async fn a_closed_store_is_closed_for_good() {
    let server = RedisServer::start().await;
    let before = tasks();
    let (store, bus) = connected(&server);
    let record = created(&store).await;
    let loads = join_all((0..10).map(|_| store.load(record.key())));
    let (loads, ()) = tokio::join!(loads, store.close());
    assert!(loads.iter().all(Result::is_ok), "loads in flight are finished: {loads:?}");
    store.close().await;
    for error in [
        at_once(store.ping_primary(Shard::ONLY)).await.expect_err("closed"),
        store.load(record.key()).await.expect_err("closed"),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert_eq!(cause(&error), &RedisError::Closed);
    }
    let error = bus.subscribe(Shard::ONLY).await.expect_err("closed");
    assert_eq!(cause(&error), &RedisError::Closed);
    until_clients_are(&server, "normal", 0).await;
    until_tasks_are(before).await;
}

#[tokio::test]
async fn closing_does_not_wait_for_a_stalled_server() {
    let server = RedisServer::start().await;
    let before = tasks();
    let (store, _bus) = connected_by(config(&server.url()).with_connect_timeout(SHORT));
    created(&store).await;
    server.pause();
    at_once(store.close()).await;
    until_tasks_are(before).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_last_clone_is_dropped() {
    let mut server = RedisServer::start().await;
    let before = tasks();
    let (store, bus) = connected(&server);
    created(&store).await;
    drop(store);
    bus.publish(Shard::ONLY, Bytes::new()).await.expect("publish");
    drop(bus);
    until_clients_are(&server, "normal", 0).await;
    until_tasks_are(before).await;

    // In the middle of an outage, too.
    let (store, bus) = connected(&server);
    server.kill();
    assert!(store.ping_primary(Shard::ONLY).await.is_err());
    drop((store, bus));
    until_tasks_are(before).await;
}
