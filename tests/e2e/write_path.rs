//! A store that rejects writes is detected at start and later, reported by `/health` and logged once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use handstamp_testkit::{NodeProcess, PATIENCE, RedisCluster, RedisServer, ServerOptions, free_port};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Browser, DEFAULT_BUDGETS, PASSWORD, USER, permit, reference_node, repeated_warnings, settings_at, until,
    until_healthy, warnings,
};

/// A fault of a server, its end, and how it is reported.
struct Fault {
    begin: fn(&RedisServer),
    end: fn(&RedisServer),
    /// A part of the logged reason.
    logged: &'static str,
    /// The expected fields of `/health`.
    reported: Value,
}

fn faults() -> Vec<Fault> {
    let rejected = || json!({ "status": "unhealthy", "redis": false });
    let acl = |begin: fn(&RedisServer), logged, reported| Fault {
        begin,
        end: |server| permit(server, &[]),
        logged,
        reported,
    };
    vec![
        acl(
            |server| permit(server, &["+eval", "+evalsha"]),
            "NOPERM: the user has no permission for this command, key or channel (evalsha)",
            rejected(),
        ),
        acl(|server| permit(server, &["+publish"]), PUBLISH, rejected()),
        acl(|server| permit(server, &["+set"]), "(a command in a script)", rejected()),
        acl(|server| permit(server, &["~handstamp:s:*"]), "(the keys)", rejected()),
        acl(|server| permit(server, &["&handstamp:invalidate"]), PUBLISH, rejected()),
        acl(
            |server| {
                permit(server, &["+subscribe"]);
                server.kill_clients("pubsub");
            },
            "(subscribe)",
            json!({ "status": "degraded", "redis": true, "coordinator_running": false }),
        ),
        Fault {
            begin: |server| set(server, "maxmemory", "1"),
            end: |server| set(server, "maxmemory", "0"),
            logged: "OOM: it has no memory left (maxmemory)",
            reported: rejected(),
        },
        Fault {
            begin: |server| set(server, "min-replicas-to-write", "1"),
            end: |server| set(server, "min-replicas-to-write", "0"),
            logged: "NOREPLICAS: it has too few replicas to accept writes (min-replicas-to-write)",
            reported: rejected(),
        },
        Fault {
            begin: fail_to_snapshot,
            end: |server| set(server, "save", ""),
            logged: "MISCONF: it cannot write to its disk",
            reported: rejected(),
        },
        Fault {
            begin: |server| _ = server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]),
            end: |server| _ = server.command(&["REPLICAOF", "NO", "ONE"]),
            logged: "the server is no primary: name the primary, or its Sentinels",
            reported: json!({ "status": "unhealthy", "redis": false }),
        },
    ]
}

const PUBLISH: &str = "(publish on the channel)";

fn set(server: &RedisServer, name: &str, value: &str) {
    server.command(&["CONFIG", "SET", name, value]);
}

/// Makes the server reject writes (`stop-writes-on-bgsave-error`).
#[expect(clippy::disallowed_methods, reason = "it polls, and no other task has to run meanwhile")]
fn fail_to_snapshot(server: &RedisServer) {
    let gone = TempDir::new().unwrap();
    set(server, "save", "3600 1");
    set(server, "dir", gone.path().to_str().unwrap());
    gone.close().unwrap();
    server.command(&["BGSAVE"]);
    // The child process takes a while to fail.
    let attempts = PATIENCE.as_millis() / PAUSE.as_millis();
    let has_failed = (0..attempts).any(|_| {
        std::thread::sleep(PAUSE);
        matches!(server.try_command(&["PING"]), Err(error) if error.code() == Some("MISCONF"))
    });
    assert!(has_failed, "the snapshot does not fail");
}

const PAUSE: Duration = Duration::from_millis(10);

#[tokio::test]
async fn k11_a_store_that_rejects_writes_is_reported_and_logged_once() {
    join_all(faults().into_iter().map(reported_and_logged_once)).await;
}

async fn reported_and_logged_once(fault: Fault) {
    let args = ["--enable-protected-configs", "yes"].map(str::to_owned).to_vec();
    let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
    permit(&server, &[]);
    let url = server.url_as(USER, PASSWORD);
    // Long enough to serve reads for the whole test, even on a busy machine.
    let settings = |name| {
        let outage = ("SESSION_OUTAGE", "serve-stale:1h".to_owned());
        settings_at(&url, name).into_iter().chain([outage]).collect::<BTreeMap<_, _>>()
    };
    let early = NodeProcess::start(reference_node(), settings("early")).await;
    until_healthy(&early).await;
    let mut browser = Browser::logged_in(&early, "ada").await;
    (fault.begin)(&server);
    let late = NodeProcess::start(reference_node(), settings("late")).await;
    let rejects_writes = fault.reported["redis"] == false;
    for node in [&early, &late] {
        let written = browser.post(node, "/visits").await.status();
        assert_eq!(written == StatusCode::SERVICE_UNAVAILABLE, rejects_writes, "{}", fault.logged);
        until("it is reported", async || is_reported(node, &fault.reported).await).await;
        assert_eq!(browser.get(node, "/health/live").await.status(), StatusCode::OK);
    }
    if rejects_writes {
        assert_eq!(browser.status_of_me(&early).await, StatusCode::OK, "sessions can be read");
        assert_eq!(browser.get(&early, "/health/ready").await.status(), StatusCode::OK, "{}", fault.logged);
        let ready = browser.get(&late, "/health/ready").await.status();
        assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it has never worked: {}", fault.logged);
    }
    for node in [&early, &late] {
        until("attempts go on", async || node.output().matches(" still ").count() > 1).await;
        assert!(warnings(node).iter().any(|line| line.contains(fault.logged)), "{}", node.output());
    }
    (fault.end)(&server);
    for node in [&early, &late] {
        until_healthy(node).await;
        until("writes work", async || browser.post(node, "/visits").await.status() == StatusCode::OK).await;
        assert_eq!(browser.get(node, "/health/ready").await.status(), StatusCode::OK);
        assert_eq!(repeated_warnings(node), Vec::<String>::new());
        let connections = connections(node);
        assert!(connections < 5, "{connections} connections");
    }
}

/// The number of connections that a node has opened, without those that replaced a connection without replies, as happens on a busy
/// machine.
fn connections(node: &NodeProcess) -> usize {
    let output = node.output();
    let is_silent = |line: &&str| line.contains("lost the connection to Redis") && line.contains(SILENCE);
    let silent = output.lines().filter(is_silent).count();
    output.matches("connected to Redis").count().saturating_sub(silent)
}

const SILENCE: &str = "it does not reply";

async fn is_reported(node: &NodeProcess, expected: &Value) -> bool {
    let response = Browser::new().get(node, "/health").await;
    let status = response.status();
    let health: Value = response.json().await.unwrap();
    let expected = expected.as_object().unwrap();
    status == StatusCode::SERVICE_UNAVAILABLE && expected.iter().all(|(name, value)| health[name] == *value)
}

#[tokio::test]
async fn k11_a_renamed_command_is_reported_and_logged_once() {
    join_all(["EVAL", "EVALSHA", "PUBLISH", "SET"].map(async |command| {
        let args = ["--rename-command", command, "other"].map(str::to_owned).to_vec();
        let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
        let node = NodeProcess::start(reference_node(), settings_at(&server.url(), "node")).await;
        until_rejected(&node, "it lacks a command, or has it under another name").await;
    }))
    .await;
}

#[tokio::test]
async fn k11_a_cluster_node_configured_as_a_single_server_is_reported_and_logged_once() {
    let cluster = RedisCluster::start().await;
    let node = NodeProcess::start(reference_node(), settings_at(&cluster.node(0).url(), "node")).await;
    until_rejected(&node, "MOVED: it is part of a cluster: use redis-cluster://").await;
}

async fn until_rejected(node: &NodeProcess, logged: &str) {
    let reported = json!({ "status": "unhealthy", "redis": false });
    until("it is reported", async || is_reported(node, &reported).await).await;
    until("attempts go on", async || node.output().matches("still rejects writes").count() > 1).await;
    assert!(warnings(node).iter().any(|line| line.contains(logged)), "{}", node.output());
    assert_eq!(repeated_warnings(node), Vec::<String>::new());
    let ready = Browser::new().get(node, "/health/ready").await.status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it has never worked");
}

/// K11: one line for each server, with its address.
#[tokio::test]
async fn k11_in_a_cluster_the_log_names_each_server() {
    let cluster = RedisCluster::start().await;
    let primaries = cluster.primaries();
    for primary in &primaries {
        set(cluster.node(*primary), "maxmemory", "1");
    }
    let node = NodeProcess::start(reference_node(), settings_at(&cluster.url(), "node")).await;
    until("all are logged", async || node.output().matches(" rejects writes").count() >= primaries.len())
        .await;
    until("attempts go on", async || node.output().matches("still rejects writes").count() > 2).await;
    let warnings = warnings(&node);
    let lines: Vec<_> = warnings.iter().filter(|line| line.contains("rejects writes")).collect();
    assert_eq!(lines.len(), primaries.len(), "{lines:?}");
    for primary in primaries {
        let server = format!("127.0.0.1:{}", cluster.node(primary).port());
        assert!(lines.iter().any(|line| line.contains(&server)), "{server}: {lines:?}");
    }
}

/// K11: a node whose logins have to reach a replica cannot use a server without one.
#[tokio::test]
async fn k11_too_few_replicas_are_reported() {
    let server = RedisServer::start().await;
    let mut replica = RedisServer::start().await;
    let mut settings = settings_at(&server.url(), "node");
    settings.insert("REDIS_WAIT_REPLICAS", "1".to_owned());
    // Long enough for a replica, and short enough for the test without one.
    settings.insert("SESSION_SAVE_BUDGET", "2s".to_owned());
    let node = NodeProcess::start(reference_node(), settings).await;
    until_rejected(&node, "too few replicas have it yet").await;
    server.command(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    replica.command(&["REPLICAOF", "127.0.0.1", &server.port().to_string()]);
    until_healthy(&node).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK);
    replica.kill();
    let reported = json!({ "status": "unhealthy", "redis": false });
    until("it is reported", async || is_reported(&node, &reported).await).await;
    assert_eq!(browser.get(&node, "/health/ready").await.status(), StatusCode::OK, "it can serve reads");
}

/// K11: writes without a reply count as failed.
#[tokio::test]
async fn k11_writes_without_a_reply_are_reported_and_logged_once() {
    let server = RedisServer::start().await;
    let settings = |name| {
        let mut settings = settings_at(&server.url(), name);
        settings.extend(DEFAULT_BUDGETS.map(|(name, value)| (name, value.to_owned())));
        settings
    };
    let early = NodeProcess::start(reference_node(), settings("early")).await;
    until_healthy(&early).await;
    server.command(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let late = NodeProcess::start(reference_node(), settings("late")).await;
    let mut browser = Browser::new();
    let ready = browser.get(&late, "/health/ready").await.status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it is not known yet whether writes work");
    let reported = json!({ "status": "unhealthy", "redis": false });
    for node in [&early, &late] {
        until("it is reported", async || is_reported(node, &reported).await).await;
        until("attempts go on", async || node.output().matches("still does not reply to writes").count() > 2)
            .await;
        assert!(is_reported(node, &reported).await);
    }
    let ready = browser.get(&late, "/health/ready").await.status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE, "it has never worked");
    server.command(&["CLIENT", "UNPAUSE"]);
    for node in [&early, &late] {
        until_healthy(node).await;
        assert_eq!(browser.get(node, "/health/ready").await.status(), StatusCode::OK);
        assert_eq!(node.output().matches("the session store does not reply to writes").count(), 1);
    }
}

/// A node works without these permissions.
#[tokio::test]
async fn k11_optional_permissions_are_not_required() {
    let denials = [&[][..], &["+role"], &["+info"], &["+role", "+info"], &["+client|setname"]];
    join_all(denials.map(async |denied| {
        let args = ["--rename-command", "CONFIG", ""].map(str::to_owned).to_vec();
        let server = RedisServer::start_with(ServerOptions { args, ..ServerOptions::default() }).await;
        permit(&server, denied);
        let node =
            NodeProcess::start(reference_node(), settings_at(&server.url_as(USER, PASSWORD), "node")).await;
        until_healthy(&node).await;
        let mut browser = Browser::logged_in(&node, "ada").await;
        assert_eq!(browser.post(&node, "/visits").await.status(), StatusCode::OK);
        // Without the time of the server, deadlines depend on the clock of the node.
        let status = if denied.contains(&"+info") { "degraded" } else { "ok" };
        let expected =
            json!({ "status": status, "redis": true, "coordinator_running": true, "cache_size": 1 });
        until("the node is healthy, with a session in its cache", async || {
            assert_eq!(browser.status_of_me(&node).await, StatusCode::OK);
            browser.get(&node, "/health").await.json::<Value>().await.unwrap() == expected
        })
        .await;
        // Only these, because a busy machine may cause other warnings.
        let rejections = ["NOPERM", "denied", "rejects", "unknown command", "permission"];
        let is_rejection = |line: &String| rejections.iter().any(|rejection| line.contains(rejection));
        let warnings: Vec<_> = warnings(&node).into_iter().filter(is_rejection).collect();
        let expected = denied.iter().filter(|denied| ["+role", "+info"].contains(denied)).count();
        assert_eq!(warnings.len(), expected, "{warnings:?}");
    }))
    .await;
}
