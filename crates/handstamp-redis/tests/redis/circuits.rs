use futures_util::future::join_all;
use handstamp_redis::{BreakerSettings, CircuitState, RedisError};
use handstamp_store::{Records, Shard, StoreError, Topology};
use handstamp_testkit::{RedisCluster, RedisServer, eventually};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::harness::{
    PATIENCE, TTL, at_once, cause, connected, connected_by, created, name, record, short_limits,
    until_it_serves,
};

async fn until(events: &mut Receiver<handstamp_redis::CircuitEvent>, state: CircuitState) -> String {
    let event = async {
        loop {
            let event = events.recv().await.expect("an event");
            if event.state == state {
                return event.server.to_string();
            }
        }
    };
    timeout(PATIENCE, event).await.expect("the circuit stays as it is")
}

#[tokio::test]
async fn a_server_without_a_reply_gets_no_commands_until_it_replies() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(short_limits(&server.url()));
    let record = created(&store).await;
    let circuits = store.circuit_breakers();
    let mut events = circuits.events();
    assert!(!circuits.is_open());
    server.pause();
    let failed = at_once(join_all((0..5).map(|_| store.load(record.key())))).await;
    assert!(failed.iter().all(Result::is_err));
    assert_eq!(until(&mut events, CircuitState::Open).await, format!("127.0.0.1:{}", server.port()));
    assert!(circuits.is_open());
    // Thousands fail without a command, as their number alone shows.
    for _ in 0..10_000 {
        let error = store.load(record.key()).await.expect_err("the circuit is open");
        assert!(matches!(cause(&error), RedisError::CircuitOpen), "{error:?}");
    }
    server.resume();
    let asking = async {
        loop {
            let _ = store.load(record.key()).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = until(&mut events, CircuitState::Closed) => {}
        () = asking => {}
    }
    assert!(!circuits.is_open());
    let loaded = eventually("loads are let through", PATIENCE, async || store.load(record.key()).await).await;
    assert!(loaded.is_some());
}

#[tokio::test]
async fn it_can_be_closed_by_hand() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(short_limits(&server.url()));
    until_it_serves(&store).await;
    let mut events = store.circuit_breakers().events();
    server.pause();
    let record = record();
    join_all((0..5).map(|_| store.load(record.key()))).await.clear();
    until(&mut events, CircuitState::Open).await;
    store.circuit_breakers().reset();
    assert!(!store.circuit_breakers().is_open());
    let error = store.load(record.key()).await.expect_err("no reply");
    assert!(!matches!(error, StoreError::Rejected(_)), "the command was sent: {error:?}");
}

#[tokio::test]
async fn error_replies_do_not_open_the_circuit() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..50 {
        assert!(store.create(&record, TTL).await.is_err());
        store.load(record.key()).await.expect("reading is allowed").expect("the record");
    }
    assert!(!store.circuit_breakers().is_open());
}

#[tokio::test]
async fn thresholds_can_be_set() {
    let server = RedisServer::start().await;
    let breaker = BreakerSettings::DEFAULT.with_failures_in_a_row(0).with_failure_percentage(0);
    let (store, _bus) = connected_by(short_limits(&server.url()).with_breaker(breaker));
    until_it_serves(&store).await;
    server.pause();
    let record = record();
    join_all((0..100).map(|_| store.load(record.key()))).await.clear();
    assert!(!store.circuit_breakers().is_open());
}

/// Each primary of a cluster has a circuit of its own.
#[tokio::test]
async fn the_circuit_of_one_is_not_that_of_another() {
    let mut cluster = RedisCluster::start().await;
    let (store, _bus) = connected_by(short_limits(&cluster.url()));
    until_it_serves(&store).await;
    let mut events = store.circuit_breakers().events();
    let victim = cluster.primaries()[0];
    let [mut there, mut elsewhere] = [Vec::new(), Vec::new()];
    while there.len() < 5 || elsewhere.len() < 5 {
        let record = created(&store).await;
        let lies_there = cluster.primary_of(&name(record.key())) == victim;
        if lies_there { &mut there } else { &mut elsewhere }.push(record);
    }
    cluster.pause(victim);
    join_all(there.iter().map(|record| store.load(record.key()))).await.clear();
    let server = format!("127.0.0.1:{}", cluster.node(victim).port());
    while until(&mut events, CircuitState::Open).await != server {}
    for record in &elsewhere {
        eventually("another primary serves", PATIENCE, async || store.load(record.key()).await)
            .await
            .expect("the record");
    }
    cluster.resume(victim);
    assert!(store.shards().current().len() >= 3 && store.ping_primary(Shard::new(9_999)).await.is_err());
}
