//! Servers that reject a connection.

use handstamp_redis::RedisError;
use handstamp_store::{Bus, Records, Shard, StoreError, Topology};
use handstamp_testkit::redis::from_redis_value;
use handstamp_testkit::{Log, Proxy, RedisCluster, RedisServer, ServerOptions, eventually};
use tracing::Level;

use crate::fake::{FakeServer, empty};
use crate::harness::{
    NAMESPACE, PATIENCE, at_once, cause, config, connected_by, record, until_it_serves, warnings,
};

const CANNOT: &str = "cannot connect to Redis";

/// The error of commands and subscriptions, which all fail at once.
async fn error_of(url: &str) -> String {
    let (store, bus) = connected_by(config(url));
    let error = at_once(store.ping_primary(Shard::ONLY)).await.expect_err("no connection");
    for other in [
        at_once(store.load(record().key())).await.expect_err("no connection"),
        at_once(store.check_writes(Shard::ONLY)).await.expect_err("no connection"),
    ] {
        assert_eq!(cause(&other), cause(&error));
    }
    let deaf = at_once(bus.subscribe(Shard::ONLY)).await.expect_err("no connection");
    assert_eq!(cause(&deaf), cause(&error));
    assert!(error.is_outage() && !store.circuit_breakers().is_open());
    cause(&error).to_string()
}

/// K6.4: handled like a wrong password.
#[tokio::test]
async fn k6_4_a_rejected_connection_fails_commands_at_once_with_the_cause() {
    let server = RedisServer::start().await;
    let user = |name: &str, rules: &[&str]| {
        let rules =
            [&["ACL", "SETUSER", name, "reset", "on", ">password", "~*", "&*", "+@all"], rules].concat();
        server.command(&rules);
    };
    user("no-select", &["-select"]);
    user("no-ping", &["-ping"]);
    let locked = RedisServer::start_with(ServerOptions {
        password: Some("right".to_owned()),
        ..ServerOptions::default()
    })
    .await;
    let full = FakeServer::rejecting("-ERR max number of clients reached\r\n").await;
    let protected = FakeServer::rejecting("-DENIED Redis is running in protected mode because\r\n").await;
    for (url, expected) in [
        (format!("{}/99", server.url()), "the server replied ERR: it has no database of this number"),
        (format!("{}/1", server.url_as("no-select", "password")), "the user has no permission"),
        (server.url_as("no-ping", "password"), "the user has no permission"),
        (server.url_as("unknown", "password"), "does not accept the user or the password"),
        (locked.url_as("default", "wrong"), "does not accept the user or the password"),
        (
            format!("redis://127.0.0.1:{}", locked.port()),
            "the server requires a password: give it in the URL, or set REDIS_PASSWORD",
        ),
        (full.url(), "the server replied ERR: it has no room for another client"),
        (protected.url(), "the server replied DENIED: it is in protected mode"),
    ] {
        let error = error_of(&url).await;
        assert!(error.contains(expected), "{url}: {error}");
    }
}

/// K6.4: the log says once why, and again when the cause is another one.
#[tokio::test]
async fn k6_4_the_log_names_each_cause_once() {
    let (log, _guard) = Log::capture();
    let server = RedisServer::start().await;
    let attempts = || {
        let stats: String = from_redis_value(server.command(&["INFO", "stats"])).expect("a text");
        let count = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.expect("a count").parse::<u64>().expect("a number")
    };
    // Each look is a connection of its own, so that only more than one each are attempts.
    let until_tried = async |times: u64| {
        let (begin, mut looks) = (attempts(), 0);
        eventually("attempts go on", PATIENCE, async || {
            looks += 1;
            if attempts() >= begin + looks + times { Ok(()) } else { Err("not yet") }
        })
        .await;
    };
    let (store, _bus) = connected_by(config(&format!("{}/1", server.url_as("app", "password"))));
    let cannot = || warnings(&log, CANNOT);
    until_tried(5).await;
    assert_eq!(cannot().len(), 1, "{:?}", cannot());
    assert!(cannot()[0].contains("does not accept the user or the password"), "{:?}", cannot());
    server.command(&["ACL", "SETUSER", "app", "on", ">password", "~*", "&*", "+@all", "-select"]);
    eventually("another cause", PATIENCE, async || if cannot().len() > 1 { Ok(()) } else { Err("not yet") })
        .await;
    until_tried(5).await;
    assert_eq!(cannot().len(), 2, "{:?}", cannot());
    assert!(cannot()[1].contains("NOPERM"), "{:?}", cannot());
    assert!(
        !log.lines(Level::DEBUG, "handstamp_redis").is_empty(),
        "later attempts are logged at the level debug"
    );
    server.command(&["ACL", "SETUSER", "app", "+select"]);
    until_it_serves(&store).await;
    assert_eq!(warnings(&log, "").len(), 2, "{:?}", warnings(&log, ""));
}

/// K6.4: mistakes about a cluster are reported at once, too.
#[tokio::test]
async fn k6_4_mistakes_about_a_cluster_are_named() {
    let (log, _guard) = Log::capture();
    let server = RedisServer::start().await;
    let locked = RedisServer::start_with(ServerOptions {
        password: Some("right".to_owned()),
        ..ServerOptions::default()
    })
    .await;
    for (port, expected) in [
        (server.port(), "it is part of no cluster: use redis://"),
        (locked.port(), "the server requires a password"),
    ] {
        let proxy = Proxy::start(port).await;
        let (store, _bus) = connected_by(config(&format!("redis-cluster://127.0.0.1:{}", proxy.port())));
        for _ in 0..1_000 {
            let error = at_once(store.load(record().key())).await.expect_err("no cluster");
            assert!(cause(&error).to_string().contains(expected), "{error:?}");
        }
        // No load waits for the next attempt.
        assert!(proxy.connections() < 500, "{} attempts", proxy.connections());
        let warned = warnings(&log, expected);
        assert_eq!(warned.len(), 1, "{warned:?}");
    }
}

/// K6.4: a server that sends a transient error is alive.
#[tokio::test]
async fn k6_4_a_server_that_is_busy_is_connected() {
    for (reply, code) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        ("-BUSY Redis is busy running a script.\r\n", "BUSY"),
        ("-MASTERDOWN Link with MASTER is down\r\n", "MASTERDOWN"),
        ("-MISCONF Redis is configured to save RDB snapshots, but\r\n", "MISCONF"),
    ] {
        let server = FakeServer::start(move |_| {
            Box::new(move |word| match word {
                "PING" | "GET" => Some(reply),
                word => empty(word),
            })
        })
        .await;
        let (store, _bus) = connected_by(config(&server.url()));
        for _ in 0..3 {
            let error = at_once(store.load(record().key())).await.expect_err("it does not serve yet");
            assert!(
                matches!(&error, StoreError::Rejected(cause) if cause.to_string().contains(code)),
                "{error:?}"
            );
        }
        assert_eq!(server.connections(), 1, "{code}");
    }
}

/// A plain URL leads to one node of the cluster: the error names the mistake.
#[tokio::test]
async fn k6_4_a_node_of_a_cluster_is_no_single_server() {
    let cluster = RedisCluster::start().await;
    // The owner of the key that is tried first.
    let owner = cluster.primary_of(&format!("{NAMESPACE}:s:probe:0"));
    let url = format!("redis://127.0.0.1:{}", cluster.node(owner).port());
    let (store, _bus) = connected_by(config(&url));
    store.ping_primary(Shard::ONLY).await.expect("it is there");
    let error = store.check_writes(Shard::ONLY).await.expect_err("it has a part of the slots");
    assert_eq!(
        cause(&error).to_string(),
        "the server replied MOVED: it is part of a cluster: use redis-cluster://, or REDIS_CLUSTER_NODES"
    );
    assert!(matches!(cause(&error), RedisError::ErrorReply(_)));
}
