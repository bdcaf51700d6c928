//! The server goes away, stands still, comes back.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use handstamp_core::record::Record;
use handstamp_redis::{RedisConfig, RedisError};
use handstamp_store::{Bus, Shard, Store, StoreError, Stored};
use handstamp_testkit::redis::from_redis_value;
use handstamp_testkit::{Direction, Proxy, RedisServer, ServerOptions, eventually};
use tokio::time::{Instant, sleep};

use crate::harness::{
    MINUTE, PATIENCE, cause, config, connected, connected_by, created, record, tasks, until_clients_are,
    until_it_serves, until_tasks_are,
};

/// Well under a second.
const SOON: Duration = Duration::from_millis(700);

async fn append_only() -> RedisServer {
    RedisServer::start_with(ServerOptions { append_only: true, ..ServerOptions::default() }).await
}

/// Waits for the record to be served again, and returns how long that took.
async fn until_loaded(store: &impl Store, record: &Record) -> Duration {
    let begin = Instant::now();
    let stored: Stored = eventually("the record is served again", PATIENCE, async || {
        let loaded = store.load(&record.key).await;
        loaded.map(|stored| stored.expect("a record that is lost"))
    })
    .await;
    assert_eq!(&stored.record, record);
    begin.elapsed()
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut server = append_only().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    for _ in 0..3 {
        server.kill();
        let begin = Instant::now();
        let errors = join_all((0..100).map(|_| store.load(&record.key))).await;
        for error in errors {
            assert!(matches!(&error, Err(error) if error.is_outage()), "{error:?}");
        }
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        sleep(Duration::from_millis(300)).await;
        server.restart().await;
        let took = until_loaded(&store, &record).await;
        assert!(took < SOON, "{took:?}");
    }
}

#[tokio::test]
async fn the_server_may_come_later() {
    let mut server = RedisServer::start().await;
    server.kill();
    let (store, bus) = connected(&server);
    let error = store.check(Shard::ONLY).await.expect_err("no server");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(bus.subscribe(Shard::ONLY).await.is_err());
    assert!(bus.publish(Shard::ONLY, Bytes::new()).await.is_err());
    server.restart().await;
    let begin = Instant::now();
    until_it_serves(&store).await;
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    bus.subscribe(Shard::ONLY).await.expect("subscribe");
}

#[tokio::test]
async fn a_server_that_stands_still_is_not_waited_for() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    server.pause();
    let begin = Instant::now();
    let mut longest = Duration::ZERO;
    while begin.elapsed() < Duration::from_secs(2) {
        let begin = Instant::now();
        let error = store.load(&record.key).await.expect_err("nobody answers");
        assert!(error.is_outage(), "{error:?}");
        longest = longest.max(begin.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
    assert!(longest < Duration::from_millis(400), "{longest:?}");
    let error = store.load(&record.key).await.expect_err("nobody answers");
    assert!(
        matches!(error, StoreError::Refused(_) | StoreError::Unavailable(_)),
        "by now it is known that nobody answers: {error:?}"
    );
    server.resume();
    let took = until_loaded(&store, &record).await;
    assert!(took < SOON, "{took:?}");
}

/// With a socket that takes nothing any more, the task that writes to it is stuck.
#[tokio::test]
async fn a_full_socket_does_not_outlive_the_pause() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let small = created(&store).await;
    let large = Record { payload: vec![7; 1 << 20].into(), ..record() };
    server.pause();
    for result in join_all((0..20).map(|_| store.create(&large, MINUTE))).await {
        assert!(result.is_err(), "{result:?}");
    }
    server.resume();
    let took = until_loaded(&store, &small).await;
    assert!(took < SOON, "{took:?}");
}

#[tokio::test]
async fn a_connection_that_went_silent_is_replaced() {
    let server = RedisServer::start().await;
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let proxy = Proxy::start(server.port()).await;
        let (store, _bus) = connected_by(config(&format!("redis://127.0.0.1:{}", proxy.port())));
        let record = created(&store).await;
        proxy.silence(direction);
        let error = store.load(&record.key).await.expect_err("nobody answers");
        assert!(matches!(error, StoreError::TimedOut), "{error:?}");
        sleep(Duration::from_millis(300)).await;
        proxy.resume();
        let took = until_loaded(&store, &record).await;
        assert!(took < SOON, "{took:?}");
    }
}

#[tokio::test]
async fn a_late_answer_costs_no_connection() {
    let server = RedisServer::start().await;
    let (store, _bus) =
        connected_by(RedisConfig { command_timeout: Duration::from_millis(300), ..config(&server.url()) });
    let record = created(&store).await;
    let accepted = || {
        let stats: String = from_redis_value(server.command(&["INFO", "stats"])).expect("a text");
        let count = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.expect("a count").parse::<u64>().expect("a number")
    };
    let before = accepted();
    server.pause();
    let late = store.load(&record.key).await;
    assert!(matches!(late, Err(StoreError::TimedOut)), "{late:?}");
    server.resume();
    until_loaded(&store, &record).await;
    // The second of our own.
    assert_eq!(accepted(), before + 1);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_anew() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected(&server);
    let record = created(&store).await;
    for _ in 0..5 {
        server.kill_clients("normal");
        let took = until_loaded(&store, &record).await;
        assert!(took < SOON, "{took:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_named() {
    let server = RedisServer::start_with(ServerOptions {
        password: Some("right".to_owned()),
        ..ServerOptions::default()
    })
    .await;
    let without = format!("redis://127.0.0.1:{}", server.port());
    for url in [server.url_as("default", "wrong"), server.url_as("nobody", "right"), without] {
        let (store, bus) = connected_by(config(&url));
        let begin = Instant::now();
        let error = store.check(Shard::ONLY).await.expect_err("a wrong password");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert_eq!(cause(&error), &RedisError::Authentication);
        let error = bus.subscribe(Shard::ONLY).await.expect_err("a wrong password");
        assert_eq!(cause(&error), &RedisError::Authentication);
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
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
    let error = store.check(Shard::ONLY).await.expect_err("a wrong password");
    assert_eq!(cause(&error), &RedisError::Authentication);
    users("new");
    until_it_serves(&store).await;
}

#[tokio::test]
async fn commands_beyond_the_limit_are_refused_at_once() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(RedisConfig { max_in_flight: 8, ..config(&server.url()) });
    let record = created(&store).await;
    server.pause();
    let results = join_all((0..20).map(|_| async {
        let begin = Instant::now();
        (store.load(&record.key).await.expect_err("nobody answers"), begin.elapsed())
    }))
    .await;
    let busy: Vec<_> = results.iter().filter(|(_, took)| *took < Duration::from_millis(100)).collect();
    assert_eq!(busy.len(), 12, "{results:?}");
    for (error, _) in busy {
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        assert_eq!(cause(error), &RedisError::Busy);
    }
    server.resume();
    until_it_serves(&store).await;
}

/// A node that cannot prove that its cache is up to date would send even more.
#[tokio::test]
async fn a_check_gets_through_however_many_commands_wait() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(RedisConfig { max_in_flight: 0, ..config(&server.url()) });
    store.check(Shard::ONLY).await.expect("check");
    let error = store.load(&record().key).await.expect_err("there is no room");
    assert_eq!(cause(&error), &RedisError::Busy);
}

#[tokio::test]
async fn calls_that_nobody_waits_for_leave_no_trace() {
    let server = RedisServer::start().await;
    let (store, _bus) = connected_by(RedisConfig { max_in_flight: 100, ..config(&server.url()) });
    let record = created(&store).await;
    for _ in 0..1_000 {
        let load = store.load(&record.key);
        let _ = tokio::time::timeout(Duration::ZERO, load).await;
    }
    let stored = store.load(&record.key).await.expect("load").expect("a record");
    assert_eq!(stored.record, record);
}

#[tokio::test]
async fn a_closed_store_is_closed_for_good() {
    let server = RedisServer::start().await;
    let before = tasks();
    let (store, bus) = connected(&server);
    let record = created(&store).await;
    let loads = join_all((0..10).map(|_| store.load(&record.key)));
    let (loads, ()) = tokio::join!(loads, store.close());
    assert!(loads.iter().all(Result::is_ok), "what is under way is finished: {loads:?}");
    store.close().await;
    for error in [
        store.check(Shard::ONLY).await.expect_err("closed"),
        store.load(&record.key).await.expect_err("closed"),
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
async fn closing_does_not_wait_for_a_server_that_stands_still() {
    let server = RedisServer::start().await;
    let before = tasks();
    let (store, _bus) = connected(&server);
    created(&store).await;
    server.pause();
    let begin = Instant::now();
    store.close().await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
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
    assert!(store.check(Shard::ONLY).await.is_err());
    drop((store, bus));
    until_tasks_are(before).await;
}
